import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRaw, dispatchPath, HttpClient, rawPoll, wireDispatch } from "../support/client.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { type LogLine, TestServer } from "../support/server.js";
import { beginEnqueue, idleForEver } from "../support/stuck.js";

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

const isDraining = ({ msg }: LogLine): boolean => msg === "draining";
const isTimeout = ({ msg }: LogLine): boolean => String(msg).startsWith("drain timeout");

function start(...flags: string[]): Promise<TestServer> {
  return TestServer.start(pki, { flags: ["--log-level", "debug", ...flags] });
}

async function statusAndText(url: string): Promise<string> {
  const response = await fetch(url);
  return `${response.status} ${await response.text()}`;
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("an idle server ends with 0, at once, and says why", async () => {
    const server = await start();
    server.kill(signal);
    expect(await server.exited()).toBe(0);
    expect(server.log.find(isDraining)?.reason).toBe(`stopped by ${signal}`);
    expect(server.log.at(-1)?.msg).toBe("stopped");
    expect(server.log.filter(isTimeout)).toEqual([]);
    server.removeFolder();
  });

  test("a second one ends it at once, although an answer is still in flight", async () => {
    const server = await start("--drain-timeout", "15s");
    const { tls: stuck } = await beginEnqueue(server, pki, 1_000);
    server.kill(signal);
    await server.logged(isDraining);
    server.kill(signal);
    expect(await server.exited()).toBe(signal);
    expect(server.log.filter(isTimeout)).toEqual([]);
    stuck.destroy();
    server.removeFolder();
  });
});

describe("while the server drains", () => {
  let server: TestServer;
  let ending: Promise<number | string>;
  beforeAll(async () => {
    server = await start("--drain-timeout", "15s");
    await beginEnqueue(server, pki, 1_000);
    server.kill("SIGTERM");
    ending = server.exited();
    await server.logged(isDraining);
  });
  afterAll(async () => {
    server.kill("SIGKILL");
    await ending;
    server.removeFolder();
  });

  test("it is alive, but not ready", async () => {
    expect(await statusAndText(`${server.adminUrl}/livez`)).toBe("200 ok\n");
    expect(await statusAndText(`${server.adminUrl}/readyz`)).toBe("503 draining\n");
  });

  test("the API's port takes no new connections", async () => {
    const [error] = await once(connect(server.port, "127.0.0.1"), "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("it is still there: nothing above has ended it", () => {
    expect(server.hasExited).toBe(false);
  });
});

describe("what is under way when the server is stopped", () => {
  test("parked polls get 503, with Retry-Afters that are spread", async () => {
    const server = await start("--polls-per-host", "100");
    const client = new HttpClient(server, pki, await pki.agent("web-01"));
    const polls = Array.from({ length: 60 }, () => client.poll());
    await untilParked(server, "web-01", 60);
    const exit = server.stop();
    const replies = await Promise.all(polls);
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([503]));
    const seconds = replies.map(({ headers }) => Number(headers["retry-after"]));
    // Ten values are possible: sixty polls all getting one, or only two, does not happen by chance.
    expect(new Set(seconds).size).toBeGreaterThan(2);
    expect(seconds.filter((value) => !(value >= 1 && value <= 10))).toEqual([]);
    expect(replies.map(({ headers }) => headers.connection)).toEqual(replies.map(() => "close"));
    expect(await exit).toBe(0);
    expect(server.log.filter(isTimeout)).toEqual([]);
  });

  test.each(["idle", "still at its handshake, as far as the server knows"])(
    "a connection that is %s is closed, and holds nothing up",
    async (state) => {
      const server = await start("--drain-timeout", "15s");
      const { tls } = await connectRaw(server, pki, await pki.agent("web-01"));
      const closed = once(tls, "close");
      if (state === "idle") {
        tls.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await once(tls, "data");
      }
      tls.resume();
      expect(await server.stop()).toBe(0);
      await closed;
      expect(server.log.filter(isTimeout)).toEqual([]);
    },
  );

  test("an enqueue whose body is still on its way is refused whole: 503, and nothing is queued", async () => {
    const db = `${pki.folder}/half.db`;
    const server = await TestServer.start(pki, { db, flags: ["--log-level", "debug"] });
    const body = JSON.stringify({ dispatches: [wireDispatch("half")] });
    const { tls } = await beginEnqueue(server, pki, body.length);
    tls.write(body.slice(0, 20));
    server.kill("SIGTERM");
    await server.logged(isDraining);
    const answers = tls.setEncoding("utf8").toArray();
    tls.write(body.slice(20));
    const answer = (await answers).join("");
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(answer).toMatch(/\r\nretry-after: \d+\r\n/i);
    expect(answer).toContain('"code":"unavailable"');
    expect(await server.exited()).toBe(0);

    const again = await TestServer.start(pki, { db });
    expect((await new HttpClient(again, pki, await pki.agent("half")).poll("?wait=0")).status).toBe(204);
    await again.stop();
  });

  test("an answer in flight comes to its end, however slowly it is read", async () => {
    const server = await start("--drain-timeout", "15s");
    const hosts = Array.from({ length: 10_000 }, (_, i) => wireDispatch(`a-host-with-a-long-name-${i}`));
    const body = JSON.stringify({ dispatches: hosts });
    const { tls } = await beginEnqueue(server, pki, body.length);
    tls.write(body);
    // The first of the answer is here, and nobody reads on.
    await once(tls, "readable");
    server.kill("SIGTERM");
    await server.logged(isDraining);
    const answer = (await tls.setEncoding("utf8").toArray()).join("");
    const [head = "", json = ""] = answer.split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(JSON.parse(json).results).toHaveLength(10_000);
    expect(await server.exited()).toBe(0);
    expect(server.log.filter(isTimeout)).toEqual([]);
    server.removeFolder();
  });

  test("of enqueues that race with the signal, those answered 200 are queued and those answered 503 are not", async () => {
    const db = `${pki.folder}/race.db`;
    const server = await TestServer.start(pki, { db });
    const operator = new HttpClient(server, pki, pki.operator);
    const ids = Array.from({ length: 60 }, (_, i) => `race@${i.toString(16)}`);
    let accepted = 0;
    const calls = ids.map(async (rollout_id) => {
      // A connection that was not let in any more is a refusal, too.
      const reply = await operator.enqueue(wireDispatch("race", { rollout_id })).catch(() => undefined);
      if (reply?.status === 200) {
        accepted += 1;
        if (accepted === 5) server.kill("SIGTERM");
      }
      return { rollout_id, status: reply?.status ?? 503 };
    });
    const outcomes = await Promise.all(calls);
    expect(await server.exited()).toBe(0);
    expect(outcomes.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(accepted).toBeGreaterThanOrEqual(5);

    const again = await TestServer.start(pki, { db });
    const agent = new HttpClient(again, pki, await pki.agent("race"));
    const queued: string[] = [];
    for (let reply = await agent.poll("?wait=0"); reply.status === 200; reply = await agent.poll("?wait=0")) {
      queued.push(JSON.parse(reply.body).rollout_id);
    }
    await again.stop();
    expect(queued.sort()).toEqual(
      outcomes
        .filter(({ status }) => status === 200)
        .map((one) => one.rollout_id)
        .sort(),
    );
  });
});

describe("a client that neither reads nor closes", () => {
  test.each(["0s", "200ms"])("holds the exit no longer than a drain timeout of %s", async (timeout) => {
    const server = await start("--drain-timeout", timeout);
    const { tls: stuck } = await beginEnqueue(server, pki, 1_000);
    expect(await server.stop()).toBe(0);
    expect(server.log.find(isTimeout)).toMatchObject({ level: 40, connections: 1 });
    stuck.destroy();
  });

  test("holds it no longer before it has begun its TLS handshake", async () => {
    const server = await start("--drain-timeout", "200ms");
    const silent = connect(server.port, "127.0.0.1");
    await once(silent, "connect");
    // Connections are accepted in their order: when this one is answered, the silent one has been accepted.
    await new HttpClient(server, pki, undefined).ask("/livez");
    expect(await server.stop()).toBe(0);
    expect(server.log.find(isTimeout)).toMatchObject({ connections: 1 });
    silent.destroy();
  });

  test("does not hold the exit at all once it has its answer, or has parked", async () => {
    const server = await start("--drain-timeout", "15s");
    const idle = await idleForEver(server, pki, await pki.agent("idle"));
    const { tls: parked } = await connectRaw(server, pki, await pki.agent("parked"));
    parked.write(rawPoll());
    await untilParked(server, "parked");
    expect(await server.stop()).toBe(0);
    expect(server.log.filter(isTimeout)).toEqual([]);
    for (const client of [idle, parked]) client.destroy();
  });
});

test("a stop after a stop of the same database: the lock is free again", async () => {
  const db = `${pki.folder}/twice.db`;
  for (let i = 0; i < 2; i += 1) {
    const server = await TestServer.start(pki, { db });
    expect((await new HttpClient(server, pki, pki.operator).ask(dispatchPath)).status).toBe(403);
    expect(await server.stop()).toBe(0);
  }
});
