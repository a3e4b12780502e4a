import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HttpClient, type Reply, type WireDispatch } from "./support/client.js";
import { untilParked } from "./support/parked.js";
import { TestPki } from "./support/pki.js";
import { runProgram, TestServer } from "./support/server.js";

const fleetFile = fileURLToPath(new URL("../../examples/fleet.jsonl", import.meta.url));

let pki: TestPki;
let server: TestServer;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

test("a rollout over 500 hosts: each parked host gets exactly its own dispatch, and nobody anything else", async () => {
  const fleet: WireDispatch[] = readFileSync(fleetFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(new Set(fleet.map(({ hostname }) => hostname)).size).toBe(500);

  const clients = new Map<string, HttpClient>();
  const polls = new Map<string, Promise<Reply>>();
  for (const { hostname } of fleet) {
    const client = new HttpClient(server, pki, await pki.agent(hostname));
    clients.set(hostname, client);
    polls.set(hostname, client.poll("?wait=60"));
  }
  const bystander = new HttpClient(server, pki, await pki.agent("bystander"));
  await Promise.all(fleet.map(({ hostname }) => untilParked(server, hostname)));

  const operator = pki.write("operator", pki.operator);
  const connection = ["--server", server.url, "--ca", pki.path("ca.crt"), "--cert", `${operator}.crt`];
  const { code, stderr } = await runProgram([
    "enqueue",
    ...connection,
    "--key",
    `${operator}.key`,
    "--file",
    fleetFile,
  ]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("error")]);

  for (const dispatch of fleet) {
    const reply = await polls.get(dispatch.hostname);
    const { enqueued_at, ...received } = JSON.parse(reply?.body ?? "");
    expect([reply?.status, received]).toEqual([200, dispatch]);
    expect(enqueued_at).toMatch(/Z$/);
  }
  const leftovers = await Promise.all([...clients.values(), bystander].map((client) => client.poll("?wait=0")));
  expect(new Set(leftovers.map(({ status }) => status))).toEqual(new Set([204]));
});
