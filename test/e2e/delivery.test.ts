import { once } from "node:events";
import { connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRaw, dispatchPath, HttpClient, rawPoll, wireDispatch } from "./support/client.js";
import { untilParked } from "./support/parked.js";
import { TestPki } from "./support/pki.js";
import { type LogLine, TestServer } from "./support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

/** The line of a request that ended for a host, picked by a further condition. */
function requestLine(machineId: string, matches: (line: LogLine) => boolean): Promise<LogLine> {
  return server.logged((line) => line.msg === "request" && line.machineId === machineId && matches(line));
}

async function connectHttp2(id: string) {
  const { certPem: cert, keyPem: key } = await pki.agent(id);
  return connect(server.url, { ca: pki.ca.certPem, cert, key });
}

describe("a poll whose client has gone takes nothing", () => {
  test("over HTTP/1.1, closed", async () => {
    const { tls: socket } = await connectRaw(server, pki, await pki.agent("gone-1"));
    socket.write(rawPoll());
    await untilParked(server, "gone-1");
    socket.end();
    await requestLine("gone-1", (line) => line.outcome === "gone");
    await operator.enqueue(wireDispatch("gone-1"));
    const reply = await new HttpClient(server, pki, await pki.agent("gone-1")).poll("?wait=0");
    expect(reply.status).toBe(200);
    expect(await requestLine("gone-1", (line) => line.attempt === 1)).toBeDefined();
  });

  test("over HTTP/1.1, reset", async () => {
    const { tls: socket, tcp } = await connectRaw(server, pki, await pki.agent("gone-2"));
    socket.write(rawPoll());
    await untilParked(server, "gone-2");
    tcp.resetAndDestroy();
    await requestLine("gone-2", (line) => line.outcome === "gone");
    await operator.enqueue(wireDispatch("gone-2"));
    expect((await new HttpClient(server, pki, await pki.agent("gone-2")).poll("?wait=0")).status).toBe(200);
  });

  test("over HTTP/2, the stream cancelled while its connection lives on", async () => {
    const session = await connectHttp2("gone-3");
    const stream = session.request({ ":path": `${dispatchPath}?wait=60` });
    stream.on("error", () => undefined);
    await untilParked(server, "gone-3");
    stream.close(8);
    await requestLine("gone-3", (line) => line.outcome === "gone");
    await operator.enqueue(wireDispatch("gone-3"));
    const next = session.request({ ":path": `${dispatchPath}?wait=0` });
    const [headers] = await once(next, "response");
    expect(headers[":status"]).toBe(200);
    session.destroy();
  });
});

describe("a dispatch whose answer did not leave", () => {
  /**
   * Two polls on one connection, one behind the other: HTTP/1.1 answers in order, so the second one, which is the newest
   * and gets the dispatch, cannot be written while the first one is parked. When the connection ends, its answer has
   * provably not left.
   */
  async function loseAnswer(id: string, whileLost: () => Promise<void> = async () => undefined): Promise<void> {
    const { tls: socket } = await connectRaw(server, pki, await pki.agent(id));
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes;
    });
    socket.write(rawPoll() + rawPoll());
    await untilParked(server, id, 2);
    await operator.enqueue(wireDispatch(id));
    // Answered, and so taken: another poll finds nothing.
    const probe = await new HttpClient(server, pki, await pki.agent(id)).poll("?wait=0");
    expect(probe.status).toBe(204);
    await whileLost();
    socket.destroy();
    await requestLine(id, (line) => line.answer === "lost" && line.rolloutId !== undefined);
    expect(received).toBe("");
  }

  test("is the host's again, with its next attempt", async () => {
    await loseAnswer("lost-1");
    const reply = await new HttpClient(server, pki, await pki.agent("lost-1")).poll("?wait=60");
    expect([reply.status, JSON.parse(reply.body).hostname]).toEqual([200, "lost-1"]);
    expect(await requestLine("lost-1", (line) => line.attempt === 2)).toBeDefined();
  });

  test("wakes a poll of its host that is parked", async () => {
    const parked = new HttpClient(server, pki, await pki.agent("lost-2")).poll("?wait=60");
    await untilParked(server, "lost-2");
    const { tls: socket } = await connectRaw(server, pki, await pki.agent("lost-2"));
    socket.write(rawPoll() + rawPoll());
    await untilParked(server, "lost-2", 3);
    await operator.enqueue(wireDispatch("lost-2"));
    socket.destroy();
    expect((await parked).status).toBe(200);
  });

  test("stays away if it was replaced meanwhile: the new one is delivered once, the old one never", async () => {
    await loseAnswer("lost-3", async () => {
      const newest = new HttpClient(server, pki, await pki.agent("lost-3")).poll("?wait=60");
      await untilParked(server, "lost-3", 3);
      await operator.enqueue(wireDispatch("lost-3", { target_closure: "/nix/store/newer" }));
      expect(JSON.parse((await newest).body).target_closure).toBe("/nix/store/newer");
    });
    expect((await new HttpClient(server, pki, await pki.agent("lost-3")).poll("?wait=0")).status).toBe(204);
  });

  test("control: an answer that did leave is not delivered again, on a pipelined connection either", async () => {
    const { tls: socket } = await connectRaw(server, pki, await pki.agent("kept"));
    await operator.enqueue(wireDispatch("kept"));
    let received = "";
    const answered = new Promise<void>((resolve) => {
      socket.on("data", (bytes) => {
        received += bytes;
        if (received.includes("204 No Content") && received.includes("200 OK")) resolve();
      });
    });
    // Both look in one turn; the newer one gets the dispatch and is written second.
    socket.write(rawPoll("?wait=0") + rawPoll("?wait=0"));
    await answered;
    socket.destroy();
    await requestLine("kept", (line) => line.rolloutId !== undefined && line.answer === "flushed");
    expect((await new HttpClient(server, pki, await pki.agent("kept")).poll("?wait=0")).status).toBe(204);
  });
});

describe("several connections of one host", () => {
  test("the newest poll gets the dispatch, since an older one is likely a connection that died unseen", async () => {
    const identity = await pki.agent("twins");
    const older = new HttpClient(server, pki, identity).poll("?wait=60");
    await untilParked(server, "twins");
    const newer = new HttpClient(server, pki, identity).poll("?wait=60");
    await untilParked(server, "twins", 2);
    await operator.enqueue(wireDispatch("twins", { rollout_id: "first@1" }));
    expect(JSON.parse((await newer).body).rollout_id).toBe("first@1");
    await operator.enqueue(wireDispatch("twins", { rollout_id: "second@2" }));
    expect(JSON.parse((await older).body).rollout_id).toBe("second@2");
  });
});
