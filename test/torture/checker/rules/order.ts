import { isAcknowledged, mayBeCancelled, mayBeSuperseded, mayBeSwallowed, onlyEnqueue } from "../facts.js";
import type { Enqueue } from "../history.js";
import type { Ledger, Reception, Story } from "../ledger.js";
import type { Rule } from "../rule.js";

interface Arrival {
  readonly enqueue: Enqueue;
  readonly reception: Reception;
  /** Surely nobody had it before. */
  readonly isFirst: boolean;
}

export const order: Rule = {
  name: "in order",
  promise: "of what waits for a host, the oldest is handed out first",
  examine(ledger, examination) {
    for (const arrivals of arrivalsByHost(ledger).values()) {
      const byArrival = [...arrivals].sort((a, b) => a.reception.toMs - b.reception.toMs);
      const byTake = arrivals.filter(({ isFirst }) => isFirst);
      byTake.sort((a, b) => a.reception.fromMs - b.reception.fromMs);
      // Of what had arrived before: what was enqueued last.
      let youngest: Arrival | undefined;
      let seen = 0;
      for (const arrival of byTake) {
        const { enqueue, reception } = arrival;
        for (; (byArrival[seen]?.reception.toMs ?? Number.POSITIVE_INFINITY) <= reception.fromMs; seen += 1) {
          youngest = younger(youngest, byArrival[seen]);
        }
        if (youngest === undefined) continue;
        const overtook = youngest.enqueue.fromMs > enqueue.toMs;
        examination.expect(!overtook, "a younger one was handed out before it", arrival, youngest);
      }
    }
  },
};

function younger(a: Arrival | undefined, b: Arrival | undefined): Arrival | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.enqueue.fromMs > a.enqueue.fromMs ? b : a;
}

function arrivalsByHost(ledger: Ledger): Map<string, Arrival[]> {
  const byHost = new Map<string, Arrival[]>();
  for (const story of ledger.stories.values()) {
    const enqueue = onlyEnqueue(story);
    if (enqueue === undefined || !isAcknowledged(enqueue)) continue;
    if (mayBeCancelled(story) || mayBeSuperseded(ledger, enqueue)) continue;
    const arrivals = byHost.get(story.hostname) ?? [];
    arrivals.push(...arrivalsOf(ledger, story, enqueue));
    byHost.set(story.hostname, arrivals);
  }
  return byHost;
}

function arrivalsOf(ledger: Ledger, { hostname, receptions }: Story, enqueue: Enqueue): Arrival[] {
  return receptions.map((reception, i) => {
    const { result, toMs } = reception;
    // What has no number may have been another's before, if there was one that nothing was heard of.
    const isUnnumberedFirst = i === 0 && !mayBeSwallowed(ledger, hostname, enqueue.fromMs, toMs);
    return { enqueue, reception, isFirst: result.attempt === 1 || (result.attempt === undefined && isUnnumberedFirst) };
  });
}
