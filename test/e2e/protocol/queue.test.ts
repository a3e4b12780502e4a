import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, type Reply, wireDispatch } from "../support/client.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

async function agent(id: string): Promise<HttpClient> {
  return new HttpClient(server, pki, await pki.agent(id));
}

/** Outcome of each item of an enqueue, in words. */
function outcomes({ body }: Reply): string[] {
  const { results } = JSON.parse(body);
  return results.map((result: { outcome: string }) => result.outcome);
}

function rolloutIn({ status, body }: Reply): string {
  return status === 200 ? JSON.parse(body).rollout_id : `status ${status}`;
}

describe("protocol.md, Queue", () => {
  test("one row per (hostname, rollout_id): the same pair again overwrites closure, soak and enqueued_at", async () => {
    const first = await operator.enqueue(wireDispatch("one", { target_closure: "/nix/store/old" }));
    const second = await operator.enqueue(
      wireDispatch("one", { target_closure: "/nix/store/new", soak_due_at: "2026-05-16T02:00:00Z" }),
    );
    expect([outcomes(first), outcomes(second)]).toEqual([["ENQUEUE_OUTCOME_CREATED"], ["ENQUEUE_OUTCOME_REPLACED"]]);
    const client = await agent("one");
    const dispatch = JSON.parse((await client.poll("?wait=0")).body);
    expect(dispatch).toEqual({
      ...wireDispatch("one", { target_closure: "/nix/store/new", soak_due_at: "2026-05-16T02:00:00Z" }),
      enqueued_at: JSON.parse(second.body).enqueued_at,
    });
    expect((await client.poll("?wait=0")).status).toBe(204);
  });

  test("a host's dispatches come oldest first, one per poll", async () => {
    for (const rollout_id of ["b@2", "a@1", "c@3"]) await operator.enqueue(wireDispatch("order", { rollout_id }));
    await operator.enqueue(...["z@1", "y@1"].map((rollout_id) => wireDispatch("order", { rollout_id })));
    const client = await agent("order");
    const seen = [];
    for (let i = 0; i < 6; i += 1) seen.push(rolloutIn(await client.poll("?wait=0")));
    expect(seen).toEqual(["b@2", "a@1", "c@3", "z@1", "y@1", "status 204"]);
  });

  test("an enqueue again moves the dispatch to the end, since its enqueued_at is new", async () => {
    for (const rollout_id of ["a@1", "b@1", "a@1"]) await operator.enqueue(wireDispatch("again", { rollout_id }));
    const client = await agent("again");
    expect([rolloutIn(await client.poll("?wait=0")), rolloutIn(await client.poll("?wait=0"))]).toEqual(["b@1", "a@1"]);
  });

  test("two polls never get the same row", async () => {
    const rolloutIds = Array.from({ length: 40 }, (_, i) => `race@${i.toString(16)}`);
    await operator.enqueue(...rolloutIds.map((rollout_id) => wireDispatch("race", { rollout_id })));
    const clients = await Promise.all(Array.from({ length: 8 }, () => agent("race")));
    const replies = await Promise.all(Array.from({ length: 60 }, (_, i) => clients[i % 8]?.poll("?wait=0")));
    const seen = replies.flatMap((reply) => (reply?.status === 200 ? [rolloutIn(reply)] : []));
    expect(seen.sort()).toEqual([...rolloutIds].sort());
  });

  test("other hosts' rows are never touched", async () => {
    await operator.enqueue(wireDispatch("mine"), wireDispatch("mine.sub"), wireDispatch("mine-2"));
    expect((await (await agent("mine")).poll("?wait=0")).status).toBe(200);
    expect((await (await agent("mine")).poll("?wait=0")).status).toBe(204);
    expect((await (await agent("mine.sub")).poll("?wait=0")).status).toBe(200);
    expect((await (await agent("mine-2")).poll("?wait=0")).status).toBe(200);
  });

  test("an enqueue wakes the parked poll; one for another host leaves it parked", async () => {
    const before = parkedSoFar(server, "sleeper");
    const poll = (await agent("sleeper")).poll("?wait=60");
    await untilParked(server, "sleeper", before + 1);
    await operator.enqueue(wireDispatch("somebody-else"));
    await operator.enqueue(wireDispatch("sleeper"));
    expect(JSON.parse((await poll).body).hostname).toBe("sleeper");
    // Looked up once when it came and once when it was woken: never for the other host's enqueue.
    expect(parkedSoFar(server, "sleeper")).toBe(before + 1);
  });

  test("bursts collapse: a hundred enqueues of one pair are one dispatch", async () => {
    const poll = (await agent("burst")).poll("?wait=60");
    await untilParked(server, "burst");
    const closures = Array.from({ length: 100 }, (_, i) =>
      wireDispatch("burst", { target_closure: `/nix/store/${i}` }),
    );
    await operator.enqueue(...closures);
    expect(JSON.parse((await poll).body).target_closure).toBe("/nix/store/99");
    expect((await (await agent("burst")).poll("?wait=0")).status).toBe(204);
  });

  test("what was enqueued while nobody polled waits, over a restart too", async () => {
    await operator.enqueue(wireDispatch("later"));
    const db = `${pki.folder}/restart.db`;
    const first = await TestServer.start(pki, { db });
    await new HttpClient(first, pki, pki.operator).enqueue(wireDispatch("later"));
    first.kill("SIGKILL");
    await first.exited();
    const second = await TestServer.start(pki, { db });
    const reply = await new HttpClient(second, pki, await pki.agent("later")).poll("?wait=0");
    expect(reply.status).toBe(200);
    await second.stop();
  });
});

describe("protocol.md, The producer", () => {
  test("enqueueing is idempotent: the same request again leaves one dispatch", async () => {
    for (let i = 0; i < 3; i += 1) await operator.enqueue(wireDispatch("twice"));
    const client = await agent("twice");
    expect([(await client.poll("?wait=0")).status, (await client.poll("?wait=0")).status]).toEqual([200, 204]);
  });

  test("a dispatch that was delivered and is emitted again is delivered again", async () => {
    const client = await agent("re-emitted");
    for (let i = 0; i < 2; i += 1) {
      expect(outcomes(await operator.enqueue(wireDispatch("re-emitted")))).toEqual(["ENQUEUE_OUTCOME_CREATED"]);
      expect((await client.poll("?wait=0")).status).toBe(200);
    }
  });

  test.each([
    ["hostname", "Web_01", "must be RFC 1123 labels"],
    ["rollout_id", "stable", "must be <channel>@<ref>"],
    ["target_closure", "/etc/passwd", "must be /nix/store/<name>"],
    ["soak_due_at", "2300-01-01T00:00:00Z", "must be an instant from 1970"],
    ["soak_due_at", "tomorrow", ""],
  ])(
    "a bad %s (%s) is named by item, field and rule, and nothing of the request is enqueued",
    async (field, value, rule) => {
      const reply = await operator.enqueue(wireDispatch("good"), { ...wireDispatch("good"), [field]: value });
      expect(reply.status).toBe(400);
      const { code, message } = JSON.parse(reply.body);
      expect(code).toBe("invalid_argument");
      expect(message).toMatch(new RegExp(`^dispatches\\[1\\]\\.${field}: `));
      expect(message).toContain(rule);
      expect((await (await agent("good")).poll("?wait=0")).status).toBe(204);
    },
  );

  test("a field that nobody defined is an error: a misspelt one must not pass unseen", async () => {
    const odd = { ...wireDispatch("good"), soak_due: "2026-05-16T01:30:00Z" };
    const reply = await operator.enqueue(odd);
    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.body).message).toContain("soak_due");
  });

  test("none at all, and more than 10,000, are refused", async () => {
    expect(JSON.parse((await operator.enqueue()).body).message).toMatch(/^dispatches: must have 1 to 10000 items/);
    const many = Array.from({ length: 10_001 }, (_, i) => wireDispatch(`web-${i}`));
    expect(JSON.parse((await operator.enqueue(...many)).body).message).toMatch(/^dispatches: must have 1 to 10000/);
    expect((await operator.enqueue(...many.slice(1))).status).toBe(200);
  });
});

describe("protocol.md, The agent loop in the field", () => {
  test("a 204 and the next poll share a connection, which outlives an agent's idle pool of 90 s", async () => {
    const { headers } = await (await agent("loop")).poll("?wait=0");
    expect(headers["keep-alive"] ?? "timeout=95").toBe("timeout=95");
  });
});
