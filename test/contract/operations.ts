import fc from "fast-check";
import type { TakeTerms } from "../../src/dispatch/lease.js";

/** What may be done to a store, in words that both a store and the model understand. */
export type Operation =
  | { readonly kind: "enqueue"; readonly dispatches: readonly Planned[]; readonly supersede: boolean }
  /** Each want is a host, with the terms of each of its takers. */
  | {
      readonly kind: "take";
      readonly wants: readonly { readonly host: string; readonly terms: readonly TakeTerms[] }[];
    }
  | OnTake
  | { readonly kind: "cancel"; readonly host: string; readonly rollout: string }
  | { readonly kind: "settle" }
  | { readonly kind: "prune"; readonly olderThanMs: number }
  | { readonly kind: "advance"; readonly ms: number }
  /** The wall clock is set, and what is due looked at: nobody can know at once, but every server looks within a minute. */
  | { readonly kind: "jump"; readonly ms: number }
  | { readonly kind: "reopen" };

export interface Planned {
  readonly host: string;
  readonly rollout: string;
  readonly closure: string;
  /** From now, like the two below. */
  readonly soakInMs: number;
  readonly notBeforeInMs: number | null;
  readonly notAfterInMs: number | null;
  readonly maxAttempts: number;
}

/** About something that was taken: the last one, or so many before it. */
export interface OnTake {
  readonly kind: "giveBack" | "confirm" | "acknowledge" | "reject" | "extend";
  readonly before: number;
  /** Which token goes with it, where one does: of its own lease, of nobody's, or none. */
  readonly token: "own" | "foreign" | "none";
}

/** Of an `extend`. */
export const extensionMs = 2_000;
export const reason = "it broke";

const host = fc.constantFrom("web-01", "web-02");
const rollout = fc.constantFrom("s@1", "s@2", "s-2@1");
const terms: fc.Arbitrary<TakeTerms> = fc.constantFrom<TakeTerms>(
  { kind: "once" },
  { kind: "confirmed", withinMs: 1_000 },
  { kind: "lease", leaseMs: 1_000 },
  { kind: "lease", leaseMs: 3_000 },
);
// In lengths of the same kind as the leases', so that one meets the other's edge.
const someMs = fc.constantFrom(1, 999, 1_000, 3_000);
const window = fc.option(fc.constantFrom(-500, 1_000, 3_000, 3_600_000), { freq: 2 });

const planned: fc.Arbitrary<Planned> = fc.record({
  host,
  rollout,
  closure: fc.constantFrom("old", "new"),
  soakInMs: someMs,
  notBeforeInMs: window,
  notAfterInMs: window,
  maxAttempts: fc.constantFrom(1, 2, 10),
});

const enqueue = fc.record({
  kind: fc.constant("enqueue" as const),
  dispatches: fc.array(planned, { minLength: 1, maxLength: 3 }),
  supersede: fc.boolean(),
});
const take = fc.record({
  kind: fc.constant("take" as const),
  wants: fc.uniqueArray(fc.record({ host, terms: fc.array(terms, { minLength: 1, maxLength: 3 }) }), {
    minLength: 1,
    selector: (want) => want.host,
  }),
});
const onTake = fc.record({
  kind: fc.constantFrom<OnTake["kind"][]>("giveBack", "confirm", "acknowledge", "reject", "extend"),
  before: fc.nat(3),
  token: fc.constantFrom<OnTake["token"][]>("own", "own", "own", "foreign", "none"),
});

/** What happens more often stands there more often. */
export const operations: readonly fc.Arbitrary<Operation>[] = [
  ...Array.from({ length: 2 }, () => enqueue),
  ...Array.from({ length: 3 }, () => take),
  ...Array.from({ length: 5 }, () => onTake),
  fc.record({ kind: fc.constant("cancel" as const), host, rollout }),
  fc.constant({ kind: "settle" as const }),
  fc.record({ kind: fc.constant("prune" as const), olderThanMs: fc.constantFrom(0, 3_000) }),
  ...Array.from({ length: 2 }, () => fc.record({ kind: fc.constant("advance" as const), ms: someMs })),
  fc.record({ kind: fc.constant("jump" as const), ms: fc.constantFrom(-3_600_000, 3_600_000) }),
];

/** For stores that outlive it. */
export const reopening: fc.Arbitrary<Operation> = fc.constant({ kind: "reopen" as const });
