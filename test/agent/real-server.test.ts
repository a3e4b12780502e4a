import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type AgentEvent,
  type AgentOptions,
  type Dispatch,
  dispatches,
  plainDispatches,
} from "../../src/agent/index.js";
import type { RunningServer } from "../../src/app.js";
import { createTestPki, type Pair, type TestPki } from "./certificates.js";
import { Happenings } from "./happenings.js";
import { startRealServer } from "./real-server.js";

let pki: TestPki;
let web01Pair: Pair;
let folder: string;
let server: RunningServer;

beforeAll(async () => {
  pki = await createTestPki();
  web01Pair = await pki.agent("web-01");
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-real-server-"));
  server = await startRealServer(pki, join(folder, "dispatch.db"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function planned(ref: string) {
  return {
    hostname: "web-01",
    rolloutId: `stable@${ref}`,
    targetClosure: "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05",
    soakDueAt: new Date("2026-05-16T01:30:00.250Z"),
  };
}

describe.each([
  { name: "dispatches over HTTP/1.1", open: (o: AgentOptions) => dispatches(o) },
  { name: "dispatches over HTTP/2", open: (o: AgentOptions) => dispatches({ ...o, httpVersion: "2" }) },
  { name: "plainDispatches", open: (o: AgentOptions) => plainDispatches(o) },
])("$name with the project's server", ({ open }) => {
  let stopping: AbortController;
  beforeEach(() => {
    stopping = new AbortController();
  });
  afterEach(() => stopping.abort());

  function startAgent(options: Partial<AgentOptions> = {}) {
    const events = new Happenings<AgentEvent>();
    const iterator = open({
      server: `https://127.0.0.1:${server.port}`,
      ca: pki.ca,
      ...web01Pair,
      hostname: "web-01",
      signal: stopping.signal,
      retry: { baseMs: 10, capMs: 50 },
      onEvent: (event) => events.push(event),
      ...options,
    })[Symbol.asyncIterator]();
    return { iterator, events };
  }

  test("yields what was enqueued before and while it waits, in that order, each once", async () => {
    await server.enqueue?.([planned("01")]);
    const { iterator } = startAgent();
    const first: IteratorResult<Dispatch> = await iterator.next();
    expect(first.value).toMatchObject({ rolloutId: "stable@01", soakDueAt: "2026-05-16T01:30:00.250Z" });
    const second = iterator.next();
    await server.enqueue?.([planned("02"), planned("03")]);
    expect((await second).value).toMatchObject({ rolloutId: "stable@02" });
    expect((await iterator.next()).value).toMatchObject({ rolloutId: "stable@03" });
    stopping.abort();
    expect((await iterator.next()).done).toBe(true);
  });

  test("gets through a restart of the server", async () => {
    const { iterator, events } = startAgent({ random: () => 0.5 });
    const next = iterator.next();
    await server.enqueue?.([planned("01")]);
    await next;
    // Parked by the time the server drains, or on its way there: it is to get through either way.
    const parked = iterator.next();
    const { port } = server;
    await server.close();
    expect(await events.next()).toMatchObject({ type: "retrying" });
    server = await startRealServer(pki, join(folder, "dispatch.db"), port);
    await server.enqueue?.([planned("02")]);
    expect((await parked).value).toMatchObject({ rolloutId: "stable@02" });
    stopping.abort();
  });

  test("is told why when its hostname is not the certificate's", async () => {
    const { iterator } = startAgent({ hostname: "web-02", failFast: true });
    await expect(iterator.next()).rejects.toMatchObject({ kind: "denied", code: "permission_denied" });
  });

  test("closes a poll that is parked when aborted, so that the server can stop", async () => {
    const { iterator } = startAgent();
    const next = iterator.next();
    stopping.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
