import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDirectRequest } from "../../../src/http/direct/request.js";
import { readByNode } from "./read-by-node.js";

const agents =
  "GET /v1/agent/dispatch?wait=60 HTTP/1.1\r\nHost: dispatch.lab:8443\r\nUser-Agent: nixfleet-agent/0.2\r\nAccept: */*\r\n\r\n";

/** One with these lines besides. */
const withLines = (...lines: readonly string[]): string =>
  agents.replace("\r\n\r\n", `\r\n${lines.join("\r\n")}\r\n\r\n`);

describe("a request of the plainest form", () => {
  test("has a method, a target and headers, by their names in lower case", () => {
    const request = readDirectRequest(agents);
    expect([request?.method, request?.url, request?.headers]).toEqual([
      "GET",
      "/v1/agent/dispatch?wait=60",
      { host: "dispatch.lab:8443", "user-agent": "nixfleet-agent/0.2", accept: "*/*" },
    ]);
  });

  test.each([
    ["X-A:b", "b"],
    ["X-A: \t b \t ", "b"],
    ["X-A:", ""],
    ['X-A: b: c, "d"', 'b: c, "d"'],
    ["x-a: b c", "b c"],
  ])("may have %j: a value without the space around it", (line, value) => {
    expect(readDirectRequest(withLines(line))?.headers["x-a"]).toBe(value);
  });

  test.each(["keep-alive", "Keep-Alive"])("may keep its connection, as %s", (value) => {
    expect(readDirectRequest(withLines(`Connection: ${value}`))).toBeDefined();
  });
});

describe("a request of any other form is not read", () => {
  test.each([
    ["another method", agents.replace("GET", "POST")],
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
    expect(readDirectRequest(text)).toBeUndefined();
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
const altered = fc
  .array(fc.tuple(fc.nat(agents.length), fc.nat(3), crumbs), { maxLength: 3 })
  .map((edits) => edits.reduce((text, [at, drop, put]) => text.slice(0, at) + put + text.slice(at + drop), agents));

describe("whatever is read", () => {
  test("Node reads the same, to the same byte", () => {
    let read = 0;
    fc.assert(
      fc.property(altered, (text) => {
        const request = readDirectRequest(text);
        if (request === undefined) return;
        read += 1;
        const next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
        const { method, url, headers } = request;
        expect(readByNode(text + next)).toEqual([
          { method, url, headers, shouldKeepAlive: true },
          { method: "GET", url: "/next", headers: { host: "a" }, shouldKeepAlive: true },
        ]);
      }),
      { numRuns: 5_000 },
    );
    // Of those to which nothing, or nothing much, was done.
    expect(read).toBeGreaterThan(500);
  });
});
