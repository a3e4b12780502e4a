import { once } from "node:events";
import { type ClientHttp2Session, constants } from "node:http2";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectRaw, dispatchPath, HttpClient, rawPoll, wireDispatch } from "../support/client.js";
import { askHttp2, connectHttp2, pollHttp2 } from "../support/http2.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

type RawConnection = Awaited<ReturnType<typeof connectRaw>>;

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
});
/** Whatever a client did: the server goes on serving the others. */
afterEach(async () => {
  expect((await new HttpClient(server, pki, await pki.agent("other")).poll("?wait=0")).status).toBe(204);
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  pki.remove();
});

async function connect(id = "web-01"): Promise<TLSSocket> {
  return (await connectRaw(server, pki, await pki.agent(id))).tls;
}

/** Sends text over TLS. @returns everything that came back until the server closed the connection */
async function send(text: string): Promise<string> {
  const socket = await connect();
  socket.setEncoding("utf8").write(text);
  const chunks: string[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "close");
  return chunks.join("");
}

const statusesIn = (text: string): number[] =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, code]) => Number(code));
const request = (line: string, ...headers: readonly string[]): string =>
  `${[line, "Host: localhost", "Connection: close", ...headers].join("\r\n")}\r\n\r\n`;

describe("a request that is too long", () => {
  test("HTTP/1.1 headers above 16 KiB: 431, and the connection ends", async () => {
    expect(statusesIn(await send(request("GET /livez HTTP/1.1", `X-Long: ${"x".repeat(17_000)}`)))).toEqual([431]);
  });

  test("HTTP/1.1 headers below: served", async () => {
    expect(statusesIn(await send(request("GET /livez HTTP/1.1", `X-Long: ${"x".repeat(15_000)}`)))).toEqual([200]);
  });

  test("an HTTP/1.1 request line above 16 KiB", async () => {
    expect(statusesIn(await send(request(`GET /${"x".repeat(17_000)} HTTP/1.1`)))).toEqual([431]);
  });

  test("HTTP/2 headers above 16 KiB: the stream is refused, below they are served", async () => {
    const session = await connectHttp2(server, pki, await pki.agent("web-01"));
    // The limit holds from the moment on when the client has acknowledged the server's settings: one round trip.
    await once(session, "remoteSettings");
    await new Promise((resolve) => session.ping(resolve));
    const ask = (bytes: number) => askHttp2(session, { ":path": "/livez", "x-long": "x".repeat(bytes) });
    expect((await ask(15_000))[":status"]).toBe(200);
    await expect(ask(17_000)).rejects.toThrow("NGHTTP2_ENHANCE_YOUR_CALM");
    session.destroy();
  });

  test.each([
    ["announced", (socket: TLSSocket) => socket.write(enqueueHead(`Content-Length: ${17 * 1024 * 1024}`))],
    ["sent in chunks", (socket: TLSSocket) => writeChunks(socket)],
  ])("a body above 16 MiB, %s: 413 with an error object, and it is not read on", async (_, write) => {
    const { tls } = await connectRaw(server, pki, pki.operator);
    tls.setEncoding("utf8");
    write(tls);
    let answer = "";
    while (!answer.includes('"}')) answer += (await once(tls, "data")).join("");
    expect(statusesIn(answer)).toEqual([413]);
    expect(answer).toContain('"code":"resource_exhausted"');
    tls.destroy();
  });

  function enqueueHead(length: string): string {
    return request("POST /v1/dispatches HTTP/1.1", "Content-Type: application/json", length);
  }

  function writeChunks(socket: TLSSocket): void {
    socket.write(enqueueHead("Transfer-Encoding: chunked"));
    const chunk = `100000\r\n${" ".repeat(0x100000)}\r\n`;
    for (let i = 0; i < 17; i += 1) socket.write(chunk);
  }
});

describe("a request that does not come to its end", () => {
  test("half a request line, or nothing at all: the connection is cut after the time for headers", async () => {
    const texts = await Promise.all(["GET /v1/agent/dis", ""].map(send));
    expect(texts.map(statusesIn)).toEqual([[408], [408]]);
  }, 30_000);
});

describe("a request that makes no sense", () => {
  test.each([
    ["both Content-Length and Transfer-Encoding", ["Content-Length: 4", "Transfer-Encoding: chunked"]],
    ["two Content-Lengths", ["Content-Length: 4", "Content-Length: 40"]],
    ["a Content-Length that is no number", ["Content-Length: +4"]],
    ["a Transfer-Encoding that hides chunked", ["Transfer-Encoding: xchunked"]],
  ])("%s: refused, and what follows is no second request", async (_, headers) => {
    const smuggled = request(`GET ${dispatchPath}?wait=0 HTTP/1.1`);
    expect(
      statusesIn(await send(`${request("POST /v1/dispatches HTTP/1.1", ...headers)}0\r\n\r\n${smuggled}`)),
    ).toEqual([400]);
  });

  test.each([
    ["no Host", "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["a target that is none", "GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["garbage", "\u0001\u0002\r\n\r\n"],
  ])("%s: 400", async (_, text) => {
    expect(statusesIn(await send(text))).toEqual([400]);
  });

  test.each([
    "//",
    "/%zz",
    "/%",
    "/v1/agent/dispatch/",
    "/v1/agent//dispatch",
    "/V1/agent/dispatch",
    "/..%2f",
    "/%00",
    "/?",
    "/nixfleet.dispatch.v1.AgentService/Nothing",
  ])("the path %s: 404 with an error object", async (path) => {
    const answer = await send(request(`GET ${path} HTTP/1.1`));
    expect(statusesIn(answer)).toEqual([404]);
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toEqual({
      code: "not_found",
      message: expect.any(String),
    });
  });

  // Others, such as localhost:80, Node's parser refuses before anybody can give them an error object.
  test.each(["*", "http://localhost/v1/agent/dispatch", "http://[/"])(
    "the request target %s, which is no path: an error object",
    async (target) => {
      const answer = await send(request(`${target === "*" ? "OPTIONS" : "GET"} ${target} HTTP/1.1`));
      expect(statusesIn(answer)).toEqual([404]);
      expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))).code).toBe("not_found");
    },
  );

  test("CONNECT gets no tunnel", async () => {
    const answer = await send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    expect(statusesIn(answer).filter((status) => status < 400)).toEqual([]);
  });

  test("Upgrade is not taken up", async () => {
    const answer = await send(request(`GET ${dispatchPath}?wait=0 HTTP/1.1`, "Upgrade: websocket"));
    expect(statusesIn(answer)).toEqual([204]);
  });

  test.each(["/%zz", "//", "*"])("over HTTP/2, the path %s: 404", async (path) => {
    const session = await connectHttp2(server, pki, await pki.agent("web-01"));
    const head = await askHttp2(session, { ":path": path, ":method": path === "*" ? "OPTIONS" : "GET" });
    expect([head[":status"], head["content-type"]]).toEqual([404, "application/json"]);
    session.destroy();
  });
});

describe("HTTP/2 under pressure", () => {
  test("of 150 polls on one connection, 100 run at a time and none is lost", async () => {
    const session = await connectHttp2(server, pki, await pki.agent("busy"));
    const heads = await Promise.all(Array.from({ length: 150 }, () => pollHttp2(session, "?wait=0")));
    expect(heads.filter((head) => head[":status"] !== 204)).toEqual([]);
    session.destroy();
  });

  test("a connection that opens and resets streams without end is cut", async () => {
    const session = await connectHttp2(server, pki, await pki.agent("rapid"));
    const closed = new Promise((resolve) => session.once("close", resolve));
    while (!session.closed && !session.destroyed) await Promise.race([closed, openAndReset(session, 50)]);
    await closed;
  });
});

describe("a client that leaves while it is parked frees its poll", () => {
  test.each([
    ["half-closes", ({ tls }: RawConnection) => tls.end()],
    ["resets", ({ tcp }: RawConnection) => tcp.resetAndDestroy()],
  ])("one that %s: the outcome is gone, and a dispatch waits for its next poll", async (how, leave) => {
    const id = `leaver-${how.length}`;
    const raw = await connectRaw(server, pki, await pki.agent(id));
    raw.tls.write(rawPoll());
    await untilParked(server, id);
    leave(raw);
    const line = await server.logged((each) => each.msg === "request" && each.machineId === id);
    expect(line).toMatchObject({ outcome: "gone", answer: "lost", wire: "http" });
    await operator.enqueue(wireDispatch(id));
    expect((await new HttpClient(server, pki, await pki.agent(id)).poll("?wait=0")).status).toBe(200);
  });
});

/**
 * In rounds with the server, each reset after its request has left: what waits within this process is looked through by its
 * HTTP/2 library for each reset, which took minutes where requests were opened faster than the server lets them in.
 */
async function openAndReset(session: ClientHttp2Session, count: number): Promise<void> {
  const streams = Array.from({ length: count }, () => session.request({ ":path": `${dispatchPath}?wait=60` }));
  for (const stream of streams) stream.on("error", () => undefined);
  await new Promise((resolve) => session.ping(resolve));
  const closed = streams.map((stream) => new Promise((resolve) => stream.once("close", resolve)));
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
  await Promise.all(closed);
}
