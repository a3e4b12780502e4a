import type { Meter, StoreOperation } from "./meter.js";
import type { Clock, DispatchStore } from "./ports.js";
import type { ReportStore } from "./reports.js";

/** The same store, which tells a meter how long its calls are and which of them fail. */
export function metered(store: DispatchStore, meter: Meter, clock: Pick<Clock, "monotonicMs">): DispatchStore {
  const timed = timing(meter, clock);
  const { enqueueAndTake } = store;
  return {
    ...(enqueueAndTake && {
      enqueueAndTake: (groups, wants) => timed("enqueue", () => enqueueAndTake.call(store, groups, wants)),
    }),
    take: (wants) => timed("take", () => store.take(wants)),
    apply: (steps) => timed("apply", () => store.apply(steps)),
    enqueue: (groups) => timed("enqueue", () => store.enqueue(groups)),
    settleDue: (limit) => timed("settleDue", () => store.settleDue(limit)),
    note: (notes) => timed("note", () => store.note(notes)),
    find: (key) => timed("find", () => store.find(key)),
    list: (filter, after, limit) => timed("list", () => store.list(filter, after, limit)),
    listEvents: (filter, afterId, limit) => timed("listEvents", () => store.listEvents(filter, afterId, limit)),
    latestEvents: (key, limit) => timed("latestEvents", () => store.latestEvents(key, limit)),
    findHost: (hostname) => timed("findHost", () => store.findHost(hostname)),
    prune: (before, limit) => timed("prune", () => store.prune(before, limit)),
    check: () => timed("check", () => store.check()),
    close: () => store.close(),
  };
}

/** The same for what operators read. */
export function meteredReports(store: ReportStore, meter: Meter, clock: Pick<Clock, "monotonicMs">): ReportStore {
  const timed = timing(meter, clock);
  return {
    listHosts: (filter, after, limit) => timed("listHosts", () => store.listHosts(filter, after, limit)),
    stats: () => timed("stats", () => store.stats()),
    waitingHosts: (before, limit) => timed("waitingHosts", () => store.waitingHosts(before, limit)),
    lastEventId: () => timed("lastEventId", () => store.lastEventId()),
  };
}

type Timed = <T>(operation: StoreOperation, call: () => Promise<T>) => Promise<T>;

function timing(meter: Meter, clock: Pick<Clock, "monotonicMs">): Timed {
  // A call that throws before it returns its promise has failed too: hence the function.
  return async (operation, call) => {
    const startedMs = clock.monotonicMs();
    try {
      const result = await call();
      meter.stored(operation, clock.monotonicMs() - startedMs);
      return result;
    } catch (error) {
      meter.storeFailed(operation);
      throw error;
    }
  };
}
