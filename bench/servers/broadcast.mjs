// The original's algorithm inside the product's code: every enqueue wakes every parked host, and each of them looks at the
// table by itself. (Generous to it: its enqueues keep their batches, and one call wakes everybody once.)

import { SqliteStore } from "../../dist/src/store/sqlite/store.js";

/** Each look is a transaction of its own. To be called before the store is opened. */
export function takeOneByOne() {
  const take = SqliteStore.prototype.take;
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

export function broadcast(queue) {
  queue.polls.kick = () => queue.polls.sweep();
}
