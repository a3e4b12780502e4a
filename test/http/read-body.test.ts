import { once } from "node:events";
import { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DispatchError } from "../../src/dispatch/errors.js";
import { readBody } from "../../src/http/read-body.js";
import { Listening, type SeenOfNode } from "./listening.js";

let server: Listening;
beforeAll(async () => {
  server = await Listening.start();
});
afterAll(() => server.stop());

async function outcome({ request }: SeenOfNode, maxBytes: number): Promise<string> {
  try {
    return String(Buffer.from(await readBody(request, maxBytes)));
  } catch (error) {
    return error instanceof DispatchError ? error.reason : String(error);
  }
}

const post = (headers: string) => `POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe("a body over HTTP/1.1", () => {
  test.each([
    ["with its length", `${post("Content-Length: 5\r\n")}hello`, "hello"],
    ["in chunks", post("Transfer-Encoding: chunked\r\n") + chunk("he") + chunk("llo") + chunk(""), "hello"],
    ["that is empty", post("Content-Length: 0\r\n"), ""],
    ["that is absent", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""],
  ])("%s is read whole, to the very limit", async (_, bytes, text) => {
    const { tls } = await server.raw();
    tls.write(bytes);
    expect(await outcome(await server.nextOfNode(), 5)).toBe(text);
  });

  test("whose length is too great is refused before any of it is read", async () => {
    const { tls } = await server.raw();
    tls.write(post("Content-Length: 6\r\n"));
    expect(await outcome(await server.nextOfNode(), 5)).toBe("body_too_large");
  });

  test("that grows too long is refused, and the connection serves what comes after it", async () => {
    const { tls } = await server.raw();
    tls.write(post("Transfer-Encoding: chunked\r\n") + chunk("hello!"));
    const seen = await server.nextOfNode();
    expect(await outcome(seen, 5)).toBe("body_too_large");
    if (seen.response instanceof ServerResponse) seen.response.writeHead(413).end();
    // More than the buffers on the way hold, so that somebody has to read it.
    const rest = chunk("x".repeat(65_536));
    for (let i = 0; i < 64; i += 1) tls.write(rest);
    tls.resume().write(`${chunk("")}GET /next HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await server.nextOfNode()).exchange.path).toBe("/next");
  });

  test("that breaks off is gone", async () => {
    const { tls } = await server.raw();
    tls.write(`${post("Content-Length: 5\r\n")}he`);
    const seen = await server.nextOfNode();
    const read = outcome(seen, 5);
    tls.destroy();
    expect(await read).toBe("gone");
  });
});

describe("a body over HTTP/2", () => {
  test("is read whole, and refused when it grows too long", async () => {
    const session = await server.http2();
    for (const [text, expected] of [
      ["hello", "hello"],
      ["hello!", "body_too_large"],
    ] as const) {
      session
        .request({ ":path": "/", ":method": "POST" })
        .on("error", () => undefined)
        .end(text);
      expect(await outcome(await server.nextOfNode(), 5)).toBe(expected);
    }
  });

  test("that is too long holds neither its stream nor its session up", async () => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/", ":method": "POST" });
    stream.on("error", () => undefined).write("x".repeat(100_000));
    const seen = await server.nextOfNode();
    expect(await outcome(seen, 5)).toBe("body_too_large");
    if (!(seen.response instanceof ServerResponse)) seen.response.writeHead(413).end();
    const [headers] = await once(stream, "response");
    expect([headers[":status"], await seen.ended]).toEqual([413, "flushed"]);
  });

  test("that breaks off is gone", async () => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/", ":method": "POST" });
    stream.on("error", () => undefined).write("he");
    const read = outcome(await server.nextOfNode(), 5);
    stream.destroy(new Error("never mind"));
    expect(await read).toBe("gone");
  });
});
