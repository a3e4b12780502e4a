import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BegunPost, DirectRequest, headOf, readDirectRequest } from "../../../src/http/direct/request.js";
import { readByNode } from "./read-by-node.js";

const agents =
  "GET /v1/agent/dispatch?wait=60 HTTP/1.1\r\nHost: dispatch.lab:8443\r\nUser-Agent: nixfleet-agent/0.2\r\nAccept: */*\r\n\r\n";

const body = '{"rollout_id":"stable@abc","reason":""}';
const acks = `POST /v1/agent/dispatch/ack HTTP/1.1\r\nHost: dispatch.lab:8443\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** In one piece. */
function read(text: string): DirectRequest | BegunPost | undefined {
  const piece = Buffer.from(text, "latin1");
  const head = headOf(piece);
  return head === undefined ? undefined : readDirectRequest(head, piece.subarray(head.length));
}

function bodyOf(request: DirectRequest | BegunPost | undefined): Uint8Array {
  if (request instanceof DirectRequest) return request.body;
  throw new Error("its body is not there");
}

function missingOf(request: DirectRequest | BegunPost | undefined): number | undefined {
  return request instanceof BegunPost ? request.missingBytes : request && 0;
}

/** One with these lines besides. */
const withLines = (...lines: readonly string[]): string =>
  agents.replace("\r\n\r\n", `\r\n${lines.join("\r\n")}\r\n\r\n`);

describe("a request of the plainest form", () => {
  test("has a method, a target and headers, by their names in lower case", () => {
    const request = read(agents);
    expect([request?.method, request?.url, request?.headers]).toEqual([
      "GET",
      "/v1/agent/dispatch?wait=60",
      { host: "dispatch.lab:8443", "user-agent": "nixfleet-agent/0.2", accept: "*/*" },
    ]);
  });

  test("may be a POST with its body", () => {
    const request = read(acks);
    expect([request?.method, request?.url, request?.headers["content-type"]]).toEqual([
      "POST",
      "/v1/agent/dispatch/ack",
      "application/json",
    ]);
    expect(String(bodyOf(request))).toBe(body);
  });

  test.each([
    ["of no bytes", acks.replace(/\d+\r\n\r\n.*/, "0\r\n\r\n"), 0],
    ["of any bytes", acks.replace(/\d+\r\n\r\n.*/, "6\r\n\r\n\r\n\r\n\0\xff"), 6],
    ["larger than a head may be", acks.replace(/\d+\r\n\r\n.*/, `60000\r\n\r\n${"x".repeat(60_000)}`), 60_000],
  ])("may be a POST with a body %s", (_, text, bytes) => {
    expect(bodyOf(read(text))).toHaveLength(bytes);
  });

  test.each([0, 1, body.length])("may be the beginning of a POST, of whose body %i bytes are to come", (missing) => {
    const request = read(acks.slice(0, acks.length - missing));
    expect([request?.method, request?.url]).toEqual(["POST", "/v1/agent/dispatch/ack"]);
    expect(missingOf(request)).toBe(missing);
  });

  test.each([
    ["X-A:b", "b"],
    ["X-A: \t b \t ", "b"],
    ["X-A:", ""],
    ['X-A: b: c, "d"', 'b: c, "d"'],
    ["x-a: b c", "b c"],
  ])("may have %j: a value without the space around it", (line, value) => {
    expect(read(withLines(line))?.headers["x-a"]).toBe(value);
  });

  test.each(["keep-alive", "Keep-Alive"])("may keep its connection, as %s", (value) => {
    expect(read(withLines(`Connection: ${value}`))).toBeDefined();
  });
});

describe("a request of any other form is not read", () => {
  test.each([
    ["another method", agents.replace("GET", "PUT")],
    ["a POST with a length in another form", acks.replace("Content-Length: ", "Content-Length: 1e")],
    ["a POST with an endless length", acks.replace(/(Content-Length: )\d+/, `$1${"9".repeat(400)}`)],
    ["a POST without a length", acks.replace("Content-Length", "X-Length")],
    ["a POST with more than its body", `${acks}x`],
    ["a POST with another behind it", acks + acks],
    ["a POST with two lengths", acks.replace("\r\n\r\n", `\r\nContent-Length: ${body.length}\r\n\r\n`)],
    ["a POST with a length that is not plain", acks.replace("Content-Length: ", "Content-Length: 0")],
    ["a POST with a length of another sign", acks.replace("Content-Length: ", "Content-Length: +")],
    [
      "a POST with a body in chunks",
      acks.replace("Content-Length: ", "Transfer-Encoding: chunked\r\nContent-Length: "),
    ],
    ["a POST with a tab before its length", acks.replace("Content-Length: ", "Content-Length: \t")],
    ["a POST with a tab behind its length", acks.replace(/(Content-Length: \d+)/, "$1\t")],
    ["half the head of a POST", acks.slice(0, 30)],
    ["a head larger than one may be", withLines(`X-A: ${"b".repeat(17_000)}`)],
    ["the head of a POST larger than one may be", acks.replace("Host", `X-A: ${"b".repeat(17_000)}\r\nHost`)],
    ["HEAD, which takes nothing", agents.replace("GET", "HEAD")],
    ["another version", agents.replace("HTTP/1.1", "HTTP/1.0")],
    ["a target that is no path", agents.replace("/v1", "http://dispatch.lab/v1")],
    ["two spaces", agents.replace("GET ", "GET  ")],
    ["a tab for a space", agents.replace("GET ", "GET\t")],
    ["bytes above ASCII", withLines("X-A: \xe9")],
    ["a target with bytes above ASCII", agents.replace("wait", "w\xe4it")],
    ["a control character", withLines("X-A: \x01")],
    ["NUL", withLines("X-A: \0")],
    ["a bare line feed", withLines("X-A: b\nX-B: c")],
    ["a bare carriage return", withLines("X-A: b\rX-B: c")],
    ["a folded line", withLines("X-A: b", " c")],
    ["a space before the colon", withLines("X-A : b")],
    ["no name", withLines(": b")],
    ["no colon", withLines("X-A")],
    ["no Host", agents.replace("Host", "X-Host")],
    ["no headers", "GET / HTTP/1.1\r\n\r\n"],
    ["two Hosts", withLines("Host: other")],
    ["a header twice", withLines("accept: text/html")],
    ["a body", withLines("Content-Length: 1").concat("x")],
    ["a body of no bytes", withLines("Content-Length: 0")],
    ["a body in chunks", withLines("Transfer-Encoding: chunked")],
    ["a connection that ends", withLines("Connection: close")],
    ["an upgrade", withLines("Connection: upgrade", "Upgrade: websocket")],
    ["an expectation", withLines("Expect: 100-continue")],
    ["a proxy's connection", withLines("Proxy-Connection: keep-alive")],
    ["a prototype", withLines("__proto__: x")],
    ["half a head", agents.slice(0, 40)],
    ["a head without its empty line", agents.slice(0, -2)],
    ["more than one", agents + agents],
    ["an empty line before it", `\r\n${agents}`],
    ["nothing", ""],
  ])("%s", (_, text) => {
    expect(read(text)).toBeUndefined();
  });
});

/** What a parser may stumble over. */
const crumbs = fc.constantFrom(
  ...'\r\n\t :,;/?#%"\\()<>@[]{}=\0\x7f\xa0\xffaZ0_-',
  "\r\n",
  "\r\n\r\n",
  "\r\n ",
  "\nX: y",
  "\r\nContent-Length: 3",
  "\r\nTransfer-Encoding: chunked",
  "\r\nTransfer-Encoding : chunked",
  "\r\nConnection: close",
  "\r\nConnection: keep-alive",
  "\r\nHost: other",
  "\r\nX-Long: a\tb",
  " HTTP/1.1",
  "GET / HTTP/1.1\r\nHost: b\r\n\r\n",
);

/** An agent's request to which something was done at a few places. */
const altered = (request: string) =>
  fc
    .array(fc.tuple(fc.nat(request.length), fc.nat(3), crumbs), { maxLength: 3 })
    .map((edits) => edits.reduce((text, [at, drop, put]) => text.slice(0, at) + put + text.slice(at + drop), request));

describe("whatever is read", () => {
  test.each([
    ["a GET", agents],
    ["a POST", acks],
  ])("%s: Node reads the same, to the same byte", (_, whole) => {
    let count = 0;
    fc.assert(
      fc.property(altered(whole), (text) => {
        const request = read(text);
        if (request === undefined) return;
        count += 1;
        const rest = "x".repeat(missingOf(request) ?? 0);
        const next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
        const { method, url, headers } = request;
        const came = request instanceof DirectRequest ? Buffer.from(request.body).toString("latin1") : undefined;
        const body = (came ?? text.slice(request.head.length)) + rest;
        expect(readByNode(text + rest + next)).toEqual([
          { method, url, headers, body, shouldKeepAlive: true },
          { method: "GET", url: "/next", headers: { host: "a" }, body: "", shouldKeepAlive: true },
        ]);
      }),
      { numRuns: 5_000 },
    );
    // Of those to which nothing, or nothing much, was done.
    expect(count).toBeGreaterThan(500);
  });
});
