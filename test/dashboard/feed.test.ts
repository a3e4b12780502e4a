import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  DispatchRecordSchema,
  DispatchState,
  EventKind,
  EventSchema,
} from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type Condition, Feed } from "../../src/dashboard/fleet/feed.js";
import { Fleet } from "../../src/dashboard/fleet/fleet.js";

const startMs = Date.UTC(2026, 4, 16);

/** A server with a history, whose streams break after so many events as the test wants. */
class FakeServer {
  readonly events: MessageInitShape<typeof EventSchema>[] = [];
  readonly records = new Map<string, MessageInitShape<typeof DispatchRecordSchema>>();
  /** `afterId` of each watch. */
  readonly watches: number[] = [];
  /** Called when the numbers have been read, and before they are on their way. */
  onStats: () => void = () => undefined;
  /** How many events each watch brings before it breaks. */
  breaks: number[] = [];
  #wake: () => void = () => undefined;

  happen(hostname: string, kind: EventKind, state: DispatchState): void {
    const at: Timestamp = timestampFromMs(startMs + this.events.length * 1_000);
    const id = BigInt(this.events.length + 1);
    const pair = { hostname, rolloutId: "stable@aa" };
    const attempt = kind === EventKind.ENQUEUED ? 0 : 1;
    this.events.push({ ...pair, id, at, kind, attempt, actor: "somebody" });
    const old = this.records.get(hostname);
    const enqueuedAt = old?.enqueuedAt ?? at;
    const times = { soakDueAt: at, enqueuedAt, changedAt: at };
    this.records.set(hostname, { ...pair, ...times, state, attempt, maxAttempts: 10, targetClosure: "/nix/store/x" });
    this.#wake();
  }

  get transport() {
    return createRouterTransport(({ service }) => {
      service(QueueService, {
        getStats: async () => {
          const lastEventId = BigInt(this.events.length);
          this.onStats();
          // What has happened meanwhile comes first.
          for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
          return { lastEventId, now: timestampFromMs(startMs) };
        },
        listDispatches: ({ states, hostname, pageToken }) => {
          const all = [...this.records.values()].filter(
            (record) =>
              (states.length === 0 || states.includes(record.state ?? DispatchState.UNSPECIFIED)) &&
              (hostname === "" || record.hostname === hostname),
          );
          const from = Number(pageToken || "0");
          const isLast = from + 2 >= all.length;
          return {
            dispatches: all.slice(from, from + 2).map((record) => create(DispatchRecordSchema, record)),
            nextPageToken: isLast ? "" : String(from + 2),
          };
        },
        listHosts: () => ({ hosts: [{ presence: { hostname: "a", parkedPolls: 1 } }] }),
        listEvents: () => ({ events: [] }),
        watchEvents: ({ afterId }, { signal }) => this.#watch(Number(afterId), signal),
      });
    });
  }

  async *#watch(afterId: number, signal: AbortSignal) {
    this.watches.push(afterId);
    let [lastId, left] = [afterId, this.breaks.shift() ?? Number.POSITIVE_INFINITY];
    yield { events: [], lastId: BigInt(lastId) };
    while (!signal.aborted) {
      const next = this.events[lastId];
      if (left === 0) throw new ConnectError("the wire broke", Code.Unavailable);
      if (next === undefined) await this.#more(signal);
      else {
        left -= 1;
        lastId += 1;
        yield { events: [create(EventSchema, next)], lastId: BigInt(lastId) };
      }
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        signal.removeEventListener("abort", this.#wake);
        resolve();
      };
      signal.addEventListener("abort", this.#wake);
    });
  }
}

/** Runs a feed until the fleet is as the test wants it. */
function run(server: Pick<FakeServer, "transport">, { beats = false } = {}) {
  const fleet = new Fleet();
  const stop = new AbortController();
  const conditions: Condition["kind"][] = [];
  const waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = [];
  const look = () => {
    for (const { isSo, resolve } of waiting) if (isSo()) resolve();
  };
  const running = new Feed({
    client: createClient(QueueService, server.transport),
    fleet,
    windowHours: 24,
    signal: stop.signal,
    now: () => startMs,
    // Time goes by at once; but only where nothing else is to be done.
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        const abort = () => reject(signal.reason);
        signal.addEventListener("abort", abort);
        if (ms >= 5_000 && !beats) return;
        setImmediate(() => {
          signal.removeEventListener("abort", abort);
          resolve();
        });
      }),
    onChange: look,
    onCondition: ({ kind }) => {
      if (conditions.at(-1) !== kind) conditions.push(kind);
      look();
    },
    onServer: () => undefined,
    onClock: () => undefined,
  }).run();
  return {
    fleet,
    conditions,
    until: (isSo: () => boolean) =>
      new Promise<void>((resolve) => {
        waiting.push({ isSo, resolve });
        look();
      }),
    async end() {
      stop.abort();
      await running;
    },
  };
}

describe("a feed", () => {
  test("takes a snapshot, page by page, then every event behind it", async () => {
    const server = new FakeServer();
    for (const host of ["a", "b", "c", "d", "e"]) server.happen(host, EventKind.ENQUEUED, DispatchState.PENDING);
    const feed = run(server);
    await feed.until(() => feed.conditions.at(-1) === "live");
    expect([...(feed.fleet.rollouts.get("stable@aa")?.keys() ?? [])].sort()).toEqual(["a", "b", "c", "d", "e"]);
    expect(feed.fleet.hosts.get("a")?.parkedPolls).toBe(1);
    server.happen("b", EventKind.DELIVERED, DispatchState.DELIVERED);
    await feed.until(() => feed.fleet.find("b", "stable@aa")?.state === "delivered");
    expect(server.watches).toEqual([5]);
    await feed.end();
  });

  test("whose stream breaks again and again goes on where it was: no event is skipped, none is applied twice", async () => {
    const server = new FakeServer();
    server.happen("a", EventKind.ENQUEUED, DispatchState.PENDING);
    server.breaks = [3, 0, 1, 0, 0, 5];
    const feed = run(server);
    await feed.until(() => feed.conditions.at(-1) === "live");
    for (let i = 0; i < 30; i += 1) server.happen(`h${i}`, EventKind.ENQUEUED, DispatchState.PENDING);
    await feed.until(() => feed.fleet.lastEventId === 31);
    expect(feed.fleet.recent.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, i) => i + 2));
    expect(server.watches).toEqual([1, 4, 4, 5, 5, 5, 10]);
    expect(feed.conditions).toContain("stale");
    await feed.until(() => feed.conditions.at(-1) === "live");
    await feed.end();
  });

  test("takes events that overtake the server's numbers for what they are, and another database for what that is", async () => {
    const server = new FakeServer();
    for (const host of ["a", "b", "c"]) server.happen(host, EventKind.ENQUEUED, DispatchState.PENDING);
    const feed = run(server, { beats: true });
    await feed.until(() => feed.conditions.at(-1) === "live");
    let beats = 0;
    server.onStats = () => {
      beats += 1;
      server.happen(`new-${beats}`, EventKind.ENQUEUED, DispatchState.PENDING);
    };
    await feed.until(() => feed.fleet.lastEventId >= 13);
    expect(server.watches).toEqual([3]);
    server.onStats = () => undefined;
    server.events.length = 1;
    server.records.clear();
    await feed.until(() => feed.fleet.lastEventId === 1 && feed.conditions.at(-1) === "live");
    expect(feed.fleet.rollouts.size).toBe(0);
    await feed.end();
  });

  test("asks for what an event does not tell: the closure of a new dispatch", async () => {
    const server = new FakeServer();
    const feed = run(server);
    await feed.until(() => feed.conditions.at(-1) === "live");
    server.happen("new", EventKind.ENQUEUED, DispatchState.PENDING);
    await feed.until(() => feed.fleet.find("new", "stable@aa")?.targetClosure === "/nix/store/x");
    expect(feed.fleet.incomplete.size).toBe(0);
    await feed.end();
  });

  test("gives up where trying again cannot help, and says so", async () => {
    const transport = createRouterTransport(({ service }) => {
      service(QueueService, {
        getStats: () => {
          throw new ConnectError("the server runs without a queue", Code.FailedPrecondition);
        },
      });
    });
    const feed = run({ transport });
    await feed.until(() => feed.conditions.at(-1) === "stale");
    await feed.end();
  });
});
