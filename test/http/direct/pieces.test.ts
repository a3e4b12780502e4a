import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { writeAnswer } from "../../../src/http/answer.js";
import { DirectResponse } from "../../../src/http/direct/response.js";
import { limits } from "../../../src/http/limits.js";
import { readBody } from "../../../src/http/read-body.js";
import { Listening, type Seen } from "../listening.js";

let server: Listening;
beforeEach(async () => {
  server = await Listening.start("us");
});
afterEach(() => server.stop());

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const headOf = (bytes: number) => `POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`;
const post = `${headOf(4)}body`;

function answer({ exchange }: Seen): void {
  writeAnswer(exchange, { status: 200, body: "hello", contentType: "text/plain" });
}

/** Who read it, what it asks for, what it brought. */
async function told({ response, request, exchange }: Seen) {
  const body = await readBody(exchange.request, 2 ** 24);
  return [response instanceof DirectResponse ? "us" : "Node", request.url, String(body)];
}

async function textOf(tls: TLSSocket): Promise<string> {
  const [bytes] = await once(tls, "data");
  return String(bytes);
}

/** A connection that has had a request before, and what sends a piece on it that is read before the next. */
async function opened() {
  const { tls } = await server.raw();
  tls.write(get("/first"));
  const first = await server.next();
  answer(first);
  await textOf(tls);
  const { socket } = first.exchange.connection;
  const send = async (piece: string) => {
    const { bytesRead } = socket;
    tls.write(piece);
    while (socket.bytesRead === bytesRead) await setImmediate();
  };
  return { tls, send, connection: first.exchange.connection };
}

/** Nobody was told of any request that has not been asked for: the next that comes is this one. */
async function nothingElse(): Promise<void> {
  const { tls } = await server.raw();
  tls.write(get("/other"));
  expect((await server.next()).request.url).toBe("/other");
}

describe("a POST in pieces is read by us", () => {
  test.each([
    ["head and body", [headOf(4), "body"]],
    ["many", [headOf(4), ..."body"]],
    ["a part of the body with the head", [`${headOf(4)}bo`, "dy"]],
    ["a body like a request", [headOf(get("/x").length), get("/x").slice(0, 9), get("/x").slice(9)]],
  ])("%s", async (_, pieces) => {
    const { tls, send } = await opened();
    // So is the next on the connection.
    for (let times = 0; times < 2; times++) {
      for (const piece of pieces) await send(piece);
      const seen = await server.next();
      const body = pieces.join("").split("\r\n\r\n").slice(1).join("\r\n\r\n");
      expect(await told(seen)).toEqual(["us", "/post", body]);
      answer(seen);
      expect(await textOf(tls)).toContain("hello");
    }
  });

  test("as the first on its connection", async () => {
    const { tls } = await server.raw();
    const body = "x".repeat(100_000);
    // More than a record of TLS.
    tls.write(headOf(body.length) + body);
    expect(await told(await server.next())).toEqual(["us", "/post", body]);
  });

  test("as large as it may be", async () => {
    const { send } = await opened();
    const body = "x".repeat(limits.directBodyBytes - headOf(1_000_000).length);
    await send(headOf(body.length) + body);
    expect(await told(await server.next())).toEqual(["us", "/post", body]);
  });
});

/** Requests, one after the other on a connection, and where each is cut: in its head, before its body, in its body. */
const cutRequests = fc.array(
  fc.record({
    body: fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom("x", "\r", "\n", "GET ", ":") }),
    cuts: fc.array(fc.oneof(fc.nat(160), fc.integer({ min: -60, max: -1 })), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);

function cut(text: string, cuts: readonly number[]): string[] {
  const places = cuts.map((at) => (at < 0 ? text.length + at : at)).filter((at) => at > 0 && at < text.length);
  const bounds = [0, ...[...new Set(places)].sort((a, b) => a - b), text.length];
  return bounds.slice(1).map((end, i) => text.slice(bounds[i], end));
}

test("however requests are cut, the same is served, whoever reads them", async () => {
  let byUs = 0;
  await fc.assert(
    fc.asyncProperty(cutRequests, async (requests) => {
      const { tls, send } = await opened();
      for (const { body, cuts } of requests) {
        for (const piece of cut(headOf(body.length) + body, cuts)) await send(piece);
        const seen = await server.next();
        const [reader, ...what] = await told(seen);
        expect(what).toEqual(["/post", body]);
        if (reader === "us") byUs += 1;
        answer(seen);
        expect(await textOf(tls)).toContain("hello");
      }
      tls.destroy();
    }),
    { numRuns: 100 },
  );
  expect(byUs).toBeGreaterThan(30);
});

describe("a POST in pieces is handed to Node, and all that has come of it,", () => {
  test("once more has come than its body, which is served as well", async () => {
    const { send } = await opened();
    await send(post.slice(0, -2));
    await send(post.slice(-2) + get("/second"));
    expect(await told(await server.next())).toEqual(["Node", "/post", "body"]);
    expect(await told(await server.next())).toEqual(["Node", "/second", ""]);
  });

  test("if it is larger than one that is kept here", async () => {
    const { tls } = await opened();
    const body = "x".repeat(limits.directBodyBytes);
    tls.write(headOf(body.length) + body);
    expect(await told(await server.next())).toEqual(["Node", "/post", body]);
  });

  test("if its client would not be listened to, which it hears without having sent the rest", async () => {
    server.isOpen = false;
    const { tls } = await opened();
    tls.write(post.slice(0, -1));
    const seen = await server.next();
    expect(seen.response).not.toBeInstanceOf(DirectResponse);
    answer(seen);
    expect(await textOf(tls)).toContain("hello");
  });

  test("if it takes too long", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { tls, send } = await opened();
      await send(headOf(4));
      await send("bo");
      vi.advanceTimersByTime(limits.directBodyMs);
      tls.write("dy");
      expect(await told(await server.next())).toEqual(["Node", "/post", "body"]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("while a POST is under way", () => {
  test.each(["closed", "half-closed"])("a client that has %s its connection gets nothing served", async (how) => {
    const { tls, send, connection } = await opened();
    await send(post.slice(0, -1));
    const closed = once(connection.socket, "close");
    if (how === "closed") tls.destroy();
    else tls.end();
    await closed;
    await nothingElse();
  });

  test("a drain waits for it", async () => {
    const { tls, send } = await opened();
    await send(post.slice(0, -1));
    const drained = server.listener.drain();
    await send(post.slice(-1));
    const seen = await server.next();
    answer(seen);
    expect(await textOf(tls)).toContain("hello");
    await drained;
  });

  test("a drain waits no longer than for the answer of Node, if it takes too long", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { tls, send } = await opened();
      await send(post.slice(0, -1));
      const drained = server.listener.drain();
      vi.advanceTimersByTime(limits.directBodyMs);
      const seen = await server.next();
      expect(seen.response).not.toBeInstanceOf(DirectResponse);
      answer(seen);
      expect(await textOf(tls)).toContain("hello");
      await drained;
    } finally {
      vi.useRealTimers();
    }
  });

  test("it is no proof that the answer before it has come", async () => {
    const { send, connection } = await opened();
    const proofs: string[] = [];
    connection.onReceipt(undefined, (proof) => proofs.push(proof));
    await send(post.slice(0, -1));
    expect(proofs).toEqual([]);
    await send(post.slice(-1));
    await server.next();
    expect(proofs).toEqual(["the next request on the connection"]);
  });
});
