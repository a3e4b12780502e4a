// Loaded before the built program (node --import), it breaks one promise of the store that the program is about to use, as
// the variable SABOTAGE says: so that a test can see whether the checker notices. Each takes effect every so many times.

import { SqliteStore } from "../../dist/src/store/sqlite/store.js";

const { enqueue, take, apply, listEvents } = SqliteStore.prototype;

let calls = 0;
const everyNth = (n) => {
  calls += 1;
  return calls % n === 0;
};

const sabotages = {
  "forgets what it has acknowledged"() {
    SqliteStore.prototype.enqueue = async function (groups) {
      const kept = groups.map((group) => ({ ...group, dispatches: group.dispatches.filter(() => !everyNth(10)) }));
      const receipts = await enqueue.call(this, kept);
      return receipts.map((receipt, i) => ({ ...receipt, results: groups[i].dispatches.map(created) }));
    };
  },
  "acknowledges before it writes"() {
    SqliteStore.prototype.enqueue = async function (groups) {
      if (!everyNth(3)) return enqueue.call(this, groups);
      setTimeout(() => enqueue.call(this, groups).catch(() => undefined), 400);
      return groups.map(({ dispatches }) => ({ results: dispatches.map(created), enqueuedAt: Date.now() * 1_000 }));
    };
  },
  "gives to the host before"() {
    let before;
    SqliteStore.prototype.take = function (wants) {
      return take.call(
        this,
        wants.map((want) => {
          const hostname = before !== undefined && everyNth(5) ? before : want.hostname;
          before = want.hostname;
          return { ...want, hostname };
        }),
      );
    };
  },
  "gives twice"() {
    SqliteStore.prototype.take = async function (wants) {
      const receipt = await take.call(this, wants);
      const twice = receipt.taken.flat().filter(() => everyNth(4));
      await apply.call(
        this,
        twice.map((taken) => ({ kind: "giveBack", take: taken.take })),
      );
      return receipt;
    };
  },
  "leases for two seconds more"() {
    SqliteStore.prototype.take = withLeases((leaseMs) => leaseMs + 2_000);
  },
  "leases for an hour"() {
    SqliteStore.prototype.take = withLeases(() => 3_600_000);
  },
  "takes every acknowledgement"() {
    SqliteStore.prototype.apply = async function (steps) {
      const results = await apply.call(this, steps);
      return results.map((result, i) =>
        steps[i].kind === "acknowledge" ? { ok: true, change: result.change } : result,
      );
    };
  },
  "takes no acknowledgement back"() {
    SqliteStore.prototype.apply = function (steps) {
      // The token of somebody else's attempt: refused, as if the lease were over.
      const foreign = (step) => ({ ...step, token: "AAAAAAAAAAAAAAAAAAAAAA" });
      return apply.call(
        this,
        steps.map((step) => (step.token !== undefined && everyNth(4) ? foreign(step) : step)),
      );
    };
  },
  "forgets that it was done"() {
    SqliteStore.prototype.apply = async function (steps) {
      const results = await apply.call(this, steps);
      for (const [i, { kind, origin }] of steps.entries()) {
        const { change } = results[i];
        if (kind !== "acknowledge" || change === undefined || !everyNth(4)) continue;
        await enqueue.call(this, [{ dispatches: [change.row], supersede: false, origin }]);
      }
      return results;
    };
  },
  "says cancelled whatever it is"() {
    SqliteStore.prototype.apply = async function (steps) {
      const results = await apply.call(this, steps);
      return results.map((result, i) => (steps[i].kind === "cancel" ? { ok: true, change: undefined } : result));
    };
    // The canceller looks first.
    const { list } = SqliteStore.prototype;
    SqliteStore.prototype.list = async function (filter, ...rest) {
      const rows = await list.call(this, filter, ...rest);
      const isCanceller = filter.states?.includes("rejected");
      return isCanceller ? rows.map((row) => ({ ...row, state: "pending" })) : rows;
    };
  },
  "leaves events out"() {
    SqliteStore.prototype.listEvents = async function (...args) {
      return (await listEvents.apply(this, args)).filter(({ kind }) => kind === "flushed" || !everyNth(50));
    };
  },
};

function withLeases(longer) {
  return function (wants) {
    return take.call(
      this,
      wants.map((want) => ({ ...want, takers: want.takers.map((taker) => lengthened(taker, longer)) })),
    );
  };
}

function lengthened(taker, longer) {
  const { terms } = taker;
  return terms.kind === "lease" ? { ...taker, terms: { ...terms, leaseMs: longer(terms.leaseMs) } } : taker;
}

function created({ hostname, rolloutId }) {
  return { hostname, rolloutId, outcome: "created", superseded: 0 };
}

const sabotage = sabotages[process.env.SABOTAGE];
if (sabotage === undefined) throw new Error(`no such sabotage: ${process.env.SABOTAGE}`);
sabotage();
