import { isAcknowledged, mayBeSuperseded, mayHaveHappened } from "../facts.js";
import type { Enqueue } from "../history.js";
import { hostOf, type Ledger, type Story } from "../ledger.js";
import type { Rule } from "../rule.js";

export const lost: Rule = {
  name: "nothing lost",
  promise: "an enqueue that was acknowledged reaches its host, or something is known to have taken its place",
  examine(ledger, examination) {
    for (const story of ledger.stories.values()) {
      for (const enqueue of story.enqueues.filter(isAcknowledged)) {
        const holds = story.row !== undefined && isAccountedFor(ledger, story, enqueue);
        examination.expect(holds, "acknowledged, and lost", enqueue, story.row, ...story.events);
      }
    }
  },
};

function isAccountedFor(ledger: Ledger, story: Story, enqueue: Enqueue): boolean {
  const { receptions, enqueues, cancels, row } = story;
  const since = <T extends { readonly toMs: number }>({ toMs }: T) => toMs >= enqueue.fromMs;
  return (
    receptions.some(({ result }) => result.closure === enqueue.closure) ||
    enqueues.some((other) => other !== enqueue && mayHaveHappened(other) && since(other)) ||
    cancels.some((cancel) => (cancel.result === "cancelled" || cancel.result === "unknown") && since(cancel)) ||
    mayBeSuperseded(ledger, enqueue) ||
    // That it still waits is for another rule.
    row?.state === "pending" ||
    row?.state === "leased" ||
    isSwallowed(ledger, story, enqueue)
  );
}

/** Without a lease or a proof of receipt, a poll whose answer got lost takes the dispatch along: that is what `once` means. */
function isSwallowed(ledger: Ledger, { row }: Story, { hostname, fromMs, maxAttempts }: Enqueue): boolean {
  const swallowing = hostOf(ledger, hostname).swallowing.filter(({ toMs }) => toMs >= fromMs);
  if (row?.state === "dead") return row.attempt >= maxAttempts && swallowing.length > 0;
  const isOnce = ledger.delivery.kind === "once" && swallowing.some(({ leaseMs }) => leaseMs === undefined);
  return row?.state === "delivered" && isOnce;
}
