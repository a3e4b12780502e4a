import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeAnswer } from "../../src/http/answer.js";
import { Listening } from "./listening.js";

let server: Listening;
beforeAll(async () => {
  server = await Listening.start();
});
afterAll(() => server.stop());

/** More than a socket takes at once by Node's own measure, as the results of 1,000 dispatches are. */
const answerBytes = 100_000;
/** Several records of TLS, so that there is more to read when the first has been read. */
const bodyBytes = 200_000;

/** A planner on a thread of its own: sends one batch, and the next as soon as it has the first answer, then says so. */
const planner = `
  const { workerData, parentPort } = require("node:worker_threads");
  const tls = require("node:tls").connect({ ...workerData.to, host: "127.0.0.1", servername: "localhost" });
  const post = "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: ${bodyBytes}\\r\\n\\r\\n" + "x".repeat(${bodyBytes});
  let bytes = 0;
  tls.on("data", (chunk) => {
    bytes += chunk.length;
    if (bytes < ${answerBytes}) return;
    bytes = -Infinity;
    tls.write(post, () => {
      Atomics.store(workerData.sent, 0, 1);
      Atomics.notify(workerData.sent, 0);
    });
  });
  tls.on("error", () => undefined);
  tls.on("close", () => parentPort.postMessage("closed"));
  tls.write(post);
`;

test("a large request that follows a large answer at once is read, however busy the server is", async () => {
  const { certPem, keyPem } = server.agent;
  const sent = new Int32Array(new SharedArrayBuffer(4));
  const to = { port: server.port, ca: server.ca.certPem, cert: certPem, key: keyPem };
  const worker = new Worker(planner, { eval: true, workerData: { to, sent } });
  const closed = once(worker, "message");
  const { request, exchange } = await server.nextOfNode();
  await new Promise((resolve) => request.resume().once("end", resolve));
  // As after a commit: what the answer leaves to be done comes in the turn after the next request.
  await new Promise(setImmediate);
  writeAnswer(exchange, { status: 200, body: "y".repeat(answerBytes), contentType: "text/plain" });
  expect(Atomics.wait(sent, 0, 0, 30_000)).not.toBe("timed-out");
  const next = await Promise.race([server.nextOfNode(), closed.then(() => "the connection was cut" as const)]);
  if (typeof next === "string") throw new Error(next);
  const read = new Promise<number>((resolve) => {
    let bytes = 0;
    next.request.on("data", (chunk: Buffer) => (bytes += chunk.length)).once("end", () => resolve(bytes));
  });
  expect(await Promise.race([read, closed.then(() => "the connection was cut" as const)])).toBe(bodyBytes);
  await worker.terminate();
});
