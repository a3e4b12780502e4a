// The original's algorithm inside the product's code: every dispatch is enqueued by itself and wakes every parked host, and
// each of them looks at the table by itself. Where one wake follows the other, those that have not looked yet look once.

import { SqliteStore } from "../../dist/src/store/sqlite/store.js";

/** Each look is a transaction of its own, and none is part of an enqueue. To be called before the store is opened. */
export function takeOneByOne() {
  const { take } = SqliteStore.prototype;
  delete SqliteStore.prototype.enqueueAndTake;
  SqliteStore.prototype.take = async function (wants) {
    const taken = [];
    let receipt;
    for (const want of wants) {
      receipt = await take.call(this, [want]);
      taken.push(...receipt.taken);
    }
    return { ...receipt, taken };
  };
}

export function broadcast({ polls, enqueuer }) {
  const enqueue = enqueuer.enqueue.bind(enqueuer);
  polls.kick = () => polls.sweep();
  enqueuer.enqueue = async (group) => {
    const receipts = [];
    for (const dispatch of group.dispatches) receipts.push(await enqueue({ ...group, dispatches: [dispatch] }));
    return { ...receipts.at(-1), results: receipts.flatMap(({ results }) => results) };
  };
}
