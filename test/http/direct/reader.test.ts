import { once } from "node:events";
import { Agent, request } from "node:http";
import { setImmediate } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeAnswer } from "../../../src/http/answer.js";
import { DirectResponse } from "../../../src/http/direct/response.js";
import { readBody } from "../../../src/http/read-body.js";
import { Listening, type Reader, type Seen } from "../listening.js";

let server: Listening;
beforeEach(async () => {
  server = await Listening.start("us");
});
afterEach(() => server.stop());

const get = (path = "/", more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

const post = (path = "/", body = "body") =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const readerOf = ({ response }: Seen): Reader => (response instanceof DirectResponse ? "us" : "Node");

function answer({ exchange }: Seen, body = "hello"): void {
  writeAnswer(exchange, { status: 200, body, contentType: "text/plain" });
}

async function textOf(tls: TLSSocket): Promise<string> {
  const [bytes] = await once(tls, "data");
  return String(bytes);
}

/** Everything up to the end of the connection. */
async function restOf(tls: TLSSocket): Promise<string> {
  return Buffer.concat(await tls.toArray()).toString();
}

/** On the connection of an exchange. */
async function sendUntilRead({ exchange }: Seen, tls: TLSSocket, text: string): Promise<void> {
  const { socket } = exchange.connection;
  const { bytesRead } = socket;
  tls.write(text);
  while (socket.bytesRead === bytesRead) await setImmediate();
}

describe("plain requests on a connection", () => {
  test("are read by us, one after the other", async () => {
    const { tls } = await server.raw();
    for (const path of ["/first", "/first", "/second?a=b"]) {
      tls.write(get(path));
      const seen = await server.next();
      expect([readerOf(seen), seen.request.url]).toEqual(["us", path]);
      answer(seen, path);
      expect(await textOf(tls)).toContain(`\r\n\r\n${path}`);
    }
  });

  test("are GETs, and POSTs with their bodies", async () => {
    const { tls } = await server.raw();
    // The same head twice, with another body.
    for (const [text, body] of [
      [get(), ""],
      [post("/", "one"), "one"],
      [post("/", "two"), "two"],
      [get(), ""],
    ] as const) {
      tls.write(text);
      const seen = await server.next();
      expect(readerOf(seen)).toBe("us");
      expect(String(await readBody(seen.exchange.request, 3))).toBe(body);
      answer(seen);
      expect(await textOf(tls)).toContain("hello");
    }
    tls.write(post("/", "four"));
    const { exchange } = await server.next();
    await expect(readBody(exchange.request, 3)).rejects.toThrow("at most 3 bytes");
  });

  test("are those of Node's own client, which sends a short body with its head", async () => {
    const { tls } = await server.raw();
    const agent = new Agent({ keepAlive: true });
    agent.createConnection = () => tls;
    for (const method of ["GET", "POST", "GET"]) {
      const sent = request({ host: "localhost", method, agent }).end(method === "POST" ? "{}" : undefined);
      const seen = await server.next();
      expect([readerOf(seen), seen.request.method]).toEqual(["us", method]);
      answer(seen);
      const [response] = await once(sent, "response");
      response.resume();
      await once(response, "end");
    }
    agent.destroy();
  });

  test.each([
    ["a body", { status: 200, body: "hällo", contentType: "text/plain" }],
    ["none", { status: 204 }],
  ] as const)("are answered as Node answers them: with %s", async (_, wanted) => {
    const byNode = await Listening.start("Node");
    const [mine, nodes] = await Promise.all([server, byNode].map((one) => textFrom(one)));
    expect(mine).toEqual(nodes);
    await byNode.stop();

    async function textFrom(one: Listening): Promise<string> {
      const { tls } = await one.raw();
      tls.write(get("/", "X-Request-Id: same\r\n"));
      const [{ exchange }, text] = await Promise.all([
        one.next().then((seen) => {
          writeAnswer(seen.exchange, wanted);
          return seen;
        }),
        textOf(tls),
      ]);
      expect(exchange.response.headersSent).toBe(true);
      return text.replace(/^Date: .*$/m, "Date: now");
    }
  });

  test("have one answer each", async () => {
    const { tls } = await server.raw();
    tls.write(get());
    const seen = await server.next();
    answer(seen);
    expect(() => answer(seen)).toThrow("a second answer");
    expect((await textOf(tls)).match(/hello/g)).toHaveLength(1);
  });
});

describe("a connection is handed to Node, for good, by", () => {
  test.each([
    ["another method", get().replace("GET", "PUT")],
    ["HEAD", get().replace("GET", "HEAD")],
    ["a body", get("/", "Content-Length: 2\r\n").concat("ab")],
    ["a header of more than a line", get("/", "Connection: close\r\n")],
  ])("%s", async (_, text) => {
    const { tls } = await server.raw();
    tls.write(get("/first"));
    const first = await server.next();
    answer(first);
    await textOf(tls);
    tls.resume().write(text);
    const second = await server.next();
    expect([readerOf(first), readerOf(second)]).toEqual(["us", "Node"]);
    answer(second);
    expect(await second.ended).toBe("flushed");
  });

  test("a head in two pieces, which is read whole", async () => {
    const { tls } = await server.raw();
    tls.write(get("/first"));
    const first = await server.next();
    answer(first);
    await textOf(tls);
    await sendUntilRead(first, tls, get("/in-two").slice(0, 9));
    tls.write(get("/in-two").slice(9));
    const seen = await server.next();
    expect([readerOf(seen), seen.request.url]).toEqual(["Node", "/in-two"]);
    answer(seen);
    expect(await textOf(tls)).toContain("hello");
    tls.write(get("/next"));
    const next = await server.next();
    answer(next, "again");
    expect(await textOf(tls)).toContain("again");
  });

  test("two requests in one piece, both of which are served", async () => {
    const { tls } = await server.raw();
    tls.write(get("/first") + get("/second"));
    const both = [await server.next(), await server.next()];
    expect(both.map(readerOf)).toEqual(["Node", "Node"]);
    for (const seen of both) answer(seen);
    let text = "";
    while (text.match(/hello/g)?.length !== 2) text += await textOf(tls);
  });
});

describe("while a request waits for its answer", () => {
  async function waiting() {
    const { tls } = await server.raw();
    tls.write(get("/first"));
    return { tls, first: await server.next() };
  }

  test("one more waits for its turn", async () => {
    const { tls, first } = await waiting();
    await sendUntilRead(first, tls, get("/second"));
    answer(first, "one");
    const second = await server.next();
    expect([readerOf(second), second.request.url]).toEqual(["us", "/second"]);
    expect(await textOf(tls)).toMatch(/Connection: keep-alive\r\n.*\r\n\r\none$/s);
    answer(second, "two");
    expect(await textOf(tls)).toMatch(/\r\n\r\ntwo$/);
  });

  test.each([
    ["two more", [get("/second"), get("/third")]],
    ["one that is not of the plainest form", [post().slice(0, -1)]],
    ["half a head", [get().slice(0, 9)]],
    ["more than a head may be", ["x".repeat(100_000), "x".repeat(100_000)]],
  ])("%s: they are not served, and the connection ends with its answer", async (_, texts) => {
    const { tls, first } = await waiting();
    for (const text of texts) await sendUntilRead(first, tls, text);
    answer(first, "one");
    expect(await restOf(tls)).toMatch(/^HTTP\/1.1 200 OK\r\n.*Connection: close\r\n\r\none$/s);
    expect(await first.ended).toBe("flushed");
    // Nobody was told of another: the next that comes is this one.
    const { tls: other } = await server.raw();
    other.write(get("/other"));
    expect((await server.next()).request.url).toBe("/other");
  });

  test.each(["closed", "half-closed", "reset"])(
    "a client that has %s its connection gets nothing more served",
    async (how) => {
      const { tls, first } = await waiting();
      const { tcp, tls: second } = await server.raw();
      second.write(get("/held-on"));
      const seen = await server.next();
      await sendUntilRead(seen, second, get("/held"));
      if (how === "closed") second.destroy();
      else if (how === "half-closed") second.end();
      else tcp.resetAndDestroy();
      expect(await seen.ended).toBe("lost");
      answer(seen);
      answer(first);
      expect(await textOf(tls)).toContain("hello");
      tls.write(get("/after"));
      expect((await server.next()).request.url).toBe("/after");
    },
  );

  test("nothing is served any more once its answer has ended the connection", async () => {
    const { tls, first } = await waiting();
    await sendUntilRead(first, tls, "x");
    answer(first);
    // As if it had come just before the connection closes.
    first.exchange.connection.socket.emit("data", Buffer.from(get("/late")));
    expect(await restOf(tls)).toContain("Connection: close");
    const { tls: other } = await server.raw();
    other.write(get("/other"));
    expect((await server.next()).request.url).toBe("/other");
  });

  test("it may take longer than an idle connection lives", async () => {
    const { tls, first } = await waiting();
    first.exchange.connection.socket.emit("timeout");
    answer(first);
    expect(await textOf(tls)).toContain("hello");
  });

  test("a drain waits for it, and for nothing else", async () => {
    const { tls, first } = await waiting();
    const { tls: idle } = await server.raw();
    const idleClosed = once(idle.resume(), "close");
    const drained = server.listener.drain();
    await idleClosed;
    answer(first);
    expect(await restOf(tls)).toContain("hello");
    await drained;
  });
});

describe("a connection that is idle for too long", () => {
  test("is closed without a word", async () => {
    const { tls } = await server.raw();
    tls.write(get());
    const seen = await server.next();
    answer(seen);
    await textOf(tls);
    seen.exchange.connection.socket.emit("timeout");
    expect(await restOf(tls)).toBe("");
  });
});
