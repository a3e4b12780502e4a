import { test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
test("look", async () => {
  const pki = await TestPki.create();
  const server = await TestServer.start(pki);
  const op = new HttpClient(server, pki, pki.operator);
  const ag = new HttpClient(server, pki, await pki.agent("web-01"));
  console.log((await op.enqueue(wireDispatch("web-01", {max_attempts: 3, not_after: "2190-01-01T00:00:00Z"}))).body);
  console.log((await ag.poll("?wait=0&lease_seconds=2")).body);
  console.log((await op.ask("/v1/dispatches/web-01/stable@a1b2c3d4")).body);
  console.log((await op.ask("/v1/events")).body);
  console.log((await op.ask("/v1/dispatches?hostname=web-01")).body);
  console.log((await op.post("/v1/dispatches/cancel", {hostname: "web-01"})).body);
  console.log((await ag.poll("?wait=0&lease_seconds=0")).body);
  await server.stop();
});
