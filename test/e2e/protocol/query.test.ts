import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
let agent: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
  agent = new HttpClient(server, pki, await pki.agent("web-01"));
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

describe("protocol.md, Query", () => {
  test.each([
    ["no wait", ""],
    ["no wait but a lone ?", "?"],
    ["wait=60", "?wait=60"],
    ["wait above 60, which counts as 60", "?wait=3600"],
    ["the largest unsigned 64-bit integer", "?wait=18446744073709551615"],
    ["leading zeros", "?wait=0060"],
    ["a percent-encoded digit", "?wait=%36%30"],
    ["parameters that nobody defined", "?wait=60&foo=1&foo=2&wait.x=9&WAIT=bad&lease=now"],
  ])("%s: the poll waits", async (_, query) => {
    const parked = parkedSoFar(server, "web-01");
    const poll = agent.poll(query);
    await untilParked(server, "web-01", parked + 1);
    await operator.enqueue(wireDispatch("web-01"));
    expect((await poll).status).toBe(200);
  });

  test("wait=0 answers at once", async () => {
    const parked = parkedSoFar(server, "web-01");
    expect((await agent.poll("?wait=0")).status).toBe(204);
    expect(parkedSoFar(server, "web-01")).toBe(parked);
  });

  test("wait=1 answers when the second is up", async () => {
    const reply = await agent.poll("?wait=1");
    expect([reply.status, reply.body]).toEqual([204, ""]);
    const line = await server.logged((each) => each.requestId === reply.headers["x-request-id"]);
    expect(line.outcome).toBe("empty");
  });

  test.each([
    "wait=",
    "wait",
    "wait=-1",
    "wait=1.5",
    "wait=abc",
    "wait=%205",
    "wait=+5",
    "wait=5%20",
    "wait=1e3",
    "wait=0x10",
    "wait=18446744073709551616",
    "wait=99999999999999999999999999",
    "wait=1&wait=2",
    "wait=1&wait=1",
    "wait=%00",
    "wait=%FF",
  ])("%s is 400 and consumes nothing", async (query) => {
    await operator.enqueue(wireDispatch("web-01"));
    const reply = await agent.poll(`?${query}`);
    expect(reply.status).toBe(400);
    expect(reply.headers["content-type"]).toBe("application/json");
    const { code, message } = JSON.parse(reply.body);
    expect(code).toBe("invalid_argument");
    expect(message).toMatch(/^wait: /);
    expect((await agent.poll("?wait=0")).status).toBe(200);
  });
});
