import type { Bell } from "./bell.js";
import type { DispatchStore } from "./ports.js";

/** The same store, which rings after each commit that may have written history. */
export function ringing(store: DispatchStore, bell: Bell): DispatchStore {
  const thenRing = async <T>(call: Promise<T>): Promise<T> => {
    const result = await call;
    bell.ring();
    return result;
  };
  const { enqueueAndTake } = store;
  return {
    ...(enqueueAndTake && {
      enqueueAndTake: (groups, wants) => thenRing(enqueueAndTake.call(store, groups, wants)),
    }),
    take: async (wants) => {
      const receipt = await store.take(wants);
      // Most looks find nothing, and nobody shall be woken for those.
      if (receipt.taken.some((taken) => taken.length > 0) || receipt.due.hostnames.size > 0) bell.ring();
      return receipt;
    },
    apply: (steps) => thenRing(store.apply(steps)),
    enqueue: (groups) => thenRing(store.enqueue(groups)),
    settleDue: (limit) => thenRing(store.settleDue(limit)),
    note: (notes) => thenRing(store.note(notes)),
    find: (key) => store.find(key),
    list: (filter, after, limit) => store.list(filter, after, limit),
    listEvents: (filter, afterId, limit) => store.listEvents(filter, afterId, limit),
    latestEvents: (key, limit) => store.latestEvents(key, limit),
    findHost: (hostname) => store.findHost(hostname),
    prune: (before, limit) => store.prune(before, limit),
    check: () => store.check(),
    close: () => store.close(),
  };
}
