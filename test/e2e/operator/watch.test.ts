import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WatchEventsResponse } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { HttpClient } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { newDispatches, type Operator, operatorOf } from "./operator.js";

let pki: TestPki;
let server: TestServer;
let operator: Operator;
beforeEach(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = operatorOf(server, pki);
});
afterEach(async () => {
  if (!server.hasExited) await server.stop();
  pki.remove();
});

const hosts = (count: number, prefix = "web") => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

/** Watches until `isLast` says so, and tells the ids that came. */
async function idsUntil(
  watched: AsyncIterable<WatchEventsResponse>,
  isLast: (answer: WatchEventsResponse) => boolean,
): Promise<bigint[]> {
  const ids: bigint[] = [];
  for await (const answer of watched) {
    ids.push(...answer.events.map(({ id }) => id));
    if (isLast(answer)) break;
  }
  return ids;
}

describe("a watch", () => {
  test.each(["connect", "grpc"] as const)(
    "over %s begins with an answer at once, then tells what happens as it does",
    async (wire) => {
      const watched = operatorOf(server, pki, wire).queue.watchEvents({});
      const answers = watched[Symbol.asyncIterator]();
      expect((await answers.next()).value).toMatchObject({ events: [], lastId: 0n });
      await operator.queue.enqueueDispatches({ dispatches: newDispatches(["web-01"], "stable@aa") });
      const { value } = await answers.next();
      expect(value.events.map(({ hostname, actor }: { hostname: string; actor: string }) => [hostname, actor])).toEqual(
        [["web-01", "operator-test"]],
      );
      await answers.return?.();
    },
  );

  test("from the beginning, from an id and from now on; of one host, of one rollout", async () => {
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["a", "b"], "stable@aa") });
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["a", "b"], "edge@bb") });
    const first = async (request: Parameters<Operator["queue"]["watchEvents"]>[0]) =>
      await idsUntil(operator.queue.watchEvents(request), () => true);
    expect(await first({ afterId: 0n })).toEqual([1n, 2n, 3n, 4n]);
    expect(await first({ afterId: 2n })).toEqual([3n, 4n]);
    expect(await first({})).toEqual([]);
    expect(await first({ afterId: 0n, hostname: "b" })).toEqual([2n, 4n]);
    expect(await first({ afterId: 0n, rolloutId: "edge@bb", hostname: "a" })).toEqual([3n]);
  });

  test("that breaks and goes on, again and again, skips nothing and repeats nothing, with writers at work", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 8 }), async (breaks) => {
        const { lastEventId: start } = await operator.queue.getStats({});
        const written = writeAround(20);
        const ids: bigint[] = [];
        let afterId = start;
        for (const answers of [...breaks, Number.POSITIVE_INFINITY]) {
          const last = start + 40n;
          let count = 0;
          for await (const answer of operator.queue.watchEvents({ afterId })) {
            ids.push(...answer.events.map(({ id }) => id));
            afterId = answer.lastId;
            count += 1;
            if (count >= answers || afterId >= last) break;
          }
          if (afterId >= last) break;
        }
        await written;
        expect(ids).toEqual(ids.map((_, i) => start + BigInt(i) + 1n));
        expect(ids.length).toBeGreaterThanOrEqual(40);
      }),
      { numRuns: 8 },
    );
  });

  /** Twenty enqueues of two, one after the other. */
  async function writeAround(rounds: number): Promise<void> {
    for (let i = 0; i < rounds; i += 1) {
      await operator.queue.enqueueDispatches({ dispatches: newDispatches(["x", "y"], "noise@cc") });
    }
  }

  test("that nobody reads any more does not hold up the drain", async () => {
    const answers = operator.queue.watchEvents({})[Symbol.asyncIterator]();
    await answers.next();
    // The client leaves it open and unread.
    expect(await server.stop()).toBe(0);
    expect(server.log.filter(({ msg }) => String(msg).startsWith("drain timeout"))).toEqual([]);
  });

  test("ends with UNAVAILABLE when the server drains, and holds up nothing", async () => {
    const watched = idsUntil(operator.queue.watchEvents({}), () => false).then(
      () => "ended",
      (error: unknown) => ConnectError.from(error).code,
    );
    const begun = operator.queue.watchEvents({})[Symbol.asyncIterator]();
    await begun.next();
    expect(await server.stop()).toBe(0);
    expect(await watched).toBe(Code.Unavailable);
  });

  test("is for operators", async () => {
    const agent = await pki.agent("web-01");
    const reply = await new HttpClient(server, pki, agent).ask("/v1/events");
    expect(reply.status).toBe(403);
    const asAgent = operatorOf(server, Object.assign(Object.create(pki), { operator: agent }));
    const refused = idsUntil(asAgent.queue.watchEvents({}), () => false);
    await expect(refused).rejects.toThrow(/for operators/);
  });

  test("ends once its certificate is revoked", async () => {
    const answers = operator.queue.watchEvents({})[Symbol.asyncIterator]();
    await answers.next();
    // Its own connection is cut too, perhaps before it has its answer.
    await operator.post("/v1/revocations", { hostname: "operator-test" }).catch(() => undefined);
    await expect(answers.next()).rejects.toThrow();
  });
});

test("a reader that stands still costs no memory, and misses nothing when it goes on", async () => {
  const answers = operator.queue.watchEvents({ afterId: 0n })[Symbol.asyncIterator]();
  await answers.next();
  const dispatches = newDispatches(hosts(5_000), "stable@aa");
  // Twice to let the process grow to the size that such batches take by themselves.
  for (let i = 0; i < 2; i += 1) await operator.queue.enqueueDispatches({ dispatches });
  const before = residentMb();
  for (let i = 0; i < 8; i += 1) await operator.queue.enqueueDispatches({ dispatches });
  // 40,000 events are about 6 MB on the wire and several times that as objects; the slack is for the collector.
  expect(residentMb() - before).toBeLessThan(150);
  const ids: bigint[] = [];
  while (ids.at(-1) !== 50_000n) ids.push(...(await answers.next()).value.events.map(({ id }: { id: bigint }) => id));
  expect(ids).toEqual(Array.from({ length: 50_000 }, (_, i) => BigInt(i + 1)));
  await answers.return?.();
});

function residentMb(): number {
  const [, kb] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8")) ?? [];
  return Number(kb) / 1_024;
}
