import { once } from "node:events";
import { ServerResponse } from "node:http";
import { constants } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DispatchError } from "../../src/dispatch/errors.js";
import { parseHostname } from "../../src/dispatch/hostname.js";
import { writeAnswer } from "../../src/http/answer.js";
import type { Call } from "../../src/http/call.js";
import type { Exchange } from "../../src/http/exchange.js";
import { Listening, type Seen } from "./listening.js";

let server: Listening;
beforeAll(async () => {
  server = await Listening.start();
});
afterAll(() => server.stop());

function callOn(exchange: Exchange): Call {
  return exchange.call("http", {
    identify: () => ({ kind: "agent", machineId: parseHostname("web-01", "test") }),
    certificateLeftMs: () => 1,
  });
}

/** Keeps what an exchange tells of its answer. */
function watch(exchange: Exchange) {
  const call = callOn(exchange);
  const heard: string[] = [];
  call.follow({
    lost: () => heard.push("lost"),
    flushed: () => heard.push("flushed"),
    received: (proof) => heard.push(proof),
  });
  return { heard, call };
}

/** As every answer is written. */
function answer({ exchange }: Seen, body = "hello"): void {
  writeAnswer(exchange, { status: 200, body, contentType: "text/plain" });
}

const get = (path = "/", more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

describe.each(["Node", "us"] as const)("over HTTP/1.1, read by %s, an exchange", (reader) => {
  let server: Listening;
  beforeAll(async () => {
    server = await Listening.start(reader);
  });
  afterAll(() => server.stop());

  test("whose answer went out is flushed, and aborts nothing", async () => {
    const { tls } = await server.raw();
    tls.write(get());
    const seen = await server.next();
    const watched = watch(seen.exchange);
    answer(seen);
    const [bytes] = await once(tls, "data");
    expect(String(bytes)).toMatch(/^HTTP\/1.1 200 OK\r\n.*\r\n\r\nhello$/s);
    expect(await seen.ended).toBe("flushed");
    expect([watched.heard, watched.call.signal.aborted]).toEqual([["flushed"], false]);
  });

  test("answers HEAD without a body, and that is flushed too", async () => {
    const { tls } = await server.raw();
    tls.write(get().replace("GET", "HEAD"));
    const seen = await server.next();
    answer(seen);
    const [bytes] = await once(tls, "data");
    expect(String(bytes)).toMatch(/content-length: 5\r\n.*\r\n\r\n$/s);
    expect(await seen.ended).toBe("flushed");
  });

  test.each(["closed", "half-closed", "reset"])("whose connection was %s before its answer is lost", async (how) => {
    const { tls, tcp } = await server.raw();
    tls.write(get());
    const { exchange, ended } = await server.next();
    const watched = watch(exchange);
    if (how === "closed") tls.destroy();
    else if (how === "half-closed") tls.end();
    else tcp.resetAndDestroy();
    expect(await ended).toBe("lost");
    expect([watched.heard, watched.call.signal.aborted]).toEqual([["lost"], true]);
    expect(watched.call.signal.reason).toBeInstanceOf(DispatchError);
  });

  test("that is lost says so to who asks later, at once", async () => {
    const { tls } = await server.raw();
    tls.write(get());
    const { exchange, ended } = await server.next();
    tls.destroy();
    await ended;
    expect(watch(exchange).heard).toEqual(["lost"]);
  });

  test("answered behind one that is not is lost with the connection", async () => {
    const { tls } = await server.raw();
    tls.write(get("/first") + get("/second"));
    const first = await server.next();
    const second = await server.next();
    const watched = [watch(first.exchange), watch(second.exchange)];
    answer(second);
    tls.destroy();
    expect(await Promise.all([first.ended, second.ended])).toEqual(["lost", "lost"]);
    expect(watched.map(({ heard }) => heard)).toEqual([["lost"], ["lost"]]);
  });

  test.each(["é", "日本", "🦀 and so on", ""])("is answered with %j as it is, and no more than that", async (body) => {
    const { tls } = await server.raw();
    tls.write(get());
    const seen = await server.next();
    answer(seen, body);
    await seen.ended;
    const second = get("/second", "Connection: close\r\n");
    tls.write(second);
    answer(await server.next(), body);
    const whole = Buffer.concat(await tls.toArray()).toString();
    expect(whole.split(/HTTP\/1.1 200 OK\r\n.*?\r\n\r\n/s)).toEqual(["", body, body]);
  });

  test("whose answer had not left whole when its connection was reset is lost, although it was written", async () => {
    const { tls, tcp } = await server.raw();
    tls.write(get());
    const seen = await server.next();
    const watched = watch(seen.exchange);
    answer(seen, "x".repeat(64 * 1024 * 1024));
    // Some of it is on its way.
    await once(tls, "data");
    tls.pause();
    tcp.resetAndDestroy();
    expect(await seen.ended).toBe("lost");
    expect(watched.heard).toEqual(["lost"]);
  });

  test("answered in its turn on a connection of many is flushed", async () => {
    const { tls } = await server.raw();
    tls.resume().write(get("/first") + get("/second"));
    const first = await server.next();
    const second = await server.next();
    answer(second);
    answer(first);
    expect(await Promise.all([first.ended, second.ended])).toEqual(["flushed", "flushed"]);
  });
});

describe("over HTTP/1.1, read by Node, an exchange", () => {
  test("whose answer is out keeps no text of its head, and still says that it was sent", async () => {
    const { tls } = await server.raw();
    tls.write(get());
    const seen = await server.nextOfNode();
    const heads = () =>
      Object.values(seen.response).filter((value) => typeof value === "string" && value.includes("x-request-id"));
    answer(seen);
    expect(heads()).toHaveLength(1);
    expect(await seen.ended).toBe("flushed");
    expect([heads(), seen.response.headersSent]).toEqual([[], true]);
    expect(() => answer(seen)).toThrow("after they are sent");
  });
});

describe("over HTTP/2 an exchange", () => {
  test("whose answer went out is flushed, and aborts nothing", async () => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/" });
    stream.resume();
    // Room for the body: nothing was given at the start.
    session.settings({ initialWindowSize: 65_535 });
    const seen = await server.next();
    const watched = watch(seen.exchange);
    answer(seen);
    await once(stream, "end");
    expect(await seen.ended).toBe("flushed");
    expect([watched.heard, watched.call.signal.aborted]).toEqual([["flushed"], false]);
  });

  test("answered without a body is flushed, for HEAD as well", async () => {
    const session = await server.http2();
    for (const [method, status] of [
      ["GET", 204],
      ["HEAD", 405],
    ] as const) {
      const stream = session.request({ ":path": "/", ":method": method });
      const { response, ended } = await server.nextOfNode();
      if (response instanceof ServerResponse) throw new Error("not HTTP/2");
      response.writeHead(status).end();
      const [headers] = await once(stream.resume(), "response");
      expect(headers[":status"]).toBe(status);
      expect(await ended).toBe("flushed");
    }
  });

  test.each(["the stream reset", "the session ended", "the connection cut by us"])("is lost with %s", async (how) => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => undefined);
    const { exchange, ended } = await server.next();
    const watched = watch(exchange);
    if (how === "the stream reset") stream.close(constants.NGHTTP2_CANCEL);
    else if (how === "the session ended") session.destroy();
    else server.listener.connections.destroyIf(() => true);
    expect(await ended).toBe("lost");
    expect([watched.heard, watched.call.signal.aborted]).toEqual([["lost"], true]);
  });

  test("whose answer never got room to leave is lost, although it was written", async () => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => undefined);
    const seen = await server.next();
    const watched = watch(seen.exchange);
    answer(seen);
    await once(stream, "response");
    session.destroy();
    expect(await seen.ended).toBe("lost");
    expect(watched.heard).toEqual(["lost"]);
  });

  test("whose caller still sends ends with its answer", async () => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/", ":method": "POST" });
    stream.on("error", () => undefined).write("the first of many");
    const { request, response, ended } = await server.nextOfNode();
    await once(request, "data");
    if (response instanceof ServerResponse) throw new Error("not HTTP/2");
    response.writeHead(413).end();
    expect(await ended).toBe("flushed");
  });
});

describe("a request", () => {
  async function ask(path: string, more = ""): Promise<Exchange> {
    const { tls } = await server.raw();
    tls.write(get(path, more));
    const seen = await server.next();
    answer(seen);
    return seen.exchange;
  }

  test.each([
    ["/a", "/a", ""],
    ["/a?", "/a", ""],
    ["/a?b=c", "/a", "b=c"],
    ["/a?b?c", "/a", "b?c"],
    ["/%3F?x", "/%3F", "x"],
    ["*", "*", ""],
  ])("for %s has the path %s and the query %j", async (url, path, query) => {
    const exchange = await ask(url);
    expect([exchange.path, exchange.query]).toEqual([path, query]);
  });

  test("keeps an id that fits into a log line", async () => {
    expect((await ask("/", "X-Request-Id: run-7:a.b_C\r\n")).requestId).toBe("run-7:a.b_C");
  });

  test("is told by who calls, from where and with what", async () => {
    const exchange = await ask("/", "User-Agent: nixfleet-agent/0.2\r\n");
    expect(callOn(exchange)).toMatchObject({
      origin: { actor: "web-01", address: "127.0.0.1", wire: "http" },
      userAgent: "nixfleet-agent/0.2",
    });
  });

  test("is told by an operator's name where an operator calls", async () => {
    const call = (await ask("/")).call("grpc", {
      identify: () => ({ kind: "operator", name: "operator-ci" }),
      certificateLeftMs: () => 1,
    });
    expect(call.origin).toEqual({ actor: "operator-ci", address: "127.0.0.1", wire: "grpc" });
    expect(call.userAgent).toBe("");
  });

  test("keeps no more of a long User-Agent than a host's entry has room for", async () => {
    const { userAgent } = callOn(await ask("/", `User-Agent: ${"a".repeat(5_000)}\r\n`));
    expect(userAgent).toBe("a".repeat(128));
  });

  test.each([
    "",
    "X-Request-Id: \r\n",
    "X-Request-Id: a b\r\n",
    "X-Request-Id: a\r\nX-Request-Id: b\r\n",
    `X-Request-Id: ${"a".repeat(65)}\r\n`,
  ])("gets one of ours for %j", async (header) => {
    expect((await ask("/", header)).requestId).toMatch(/^[\w-]{12}-\d+$/);
  });

  test("gets another one of ours each time, and keeps it", async () => {
    const [first, second] = [await ask("/"), await ask("/")];
    expect(first.requestId).not.toBe(second.requestId);
    expect(first.requestId).toBe(first.requestId);
  });
});
