import type { NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant, Moment } from "../../dispatch/instant.js";
import { fallenDue } from "../../dispatch/life.js";
import { keep } from "./change.js";
import type { ReadyStatements } from "./ready-statements.js";

export interface Settling {
  readonly moment: Moment;
  /** When this was done last: whose `not_before` has passed since then can be taken now. */
  readonly since: Instant;
  readonly limit: number;
}

export interface Settled {
  /** For whom something waits (again). */
  readonly hostnames: Set<Hostname>;
  readonly events: readonly NewEvent[];
}

export function settleDue(statements: ReadyStatements, { moment, since, limit }: Settling): Settled {
  const { now, steady } = moment;
  const leasesOver = statements.leasesOver.all({ steady, limit });
  const due = [...leasesOver, ...statements.expired.all({ now, limit: limit - leasesOver.length })];
  const hostnames = new Set<Hostname>();
  const events: NewEvent[] = [];
  for (const old of due) {
    const change = fallenDue(old.row, moment);
    if (change === undefined) continue;
    keep(statements, old, change);
    events.push(change.event);
    if (change.row.state === "pending") hostnames.add(change.row.hostname);
  }
  for (const { hostname } of statements.begunSince.all({ since, now })) hostnames.add(hostname);
  return { hostnames, events };
}

/** In how many milliseconds the next thing falls due; `undefined` if nothing ever will. */
export function nextDueInMs(statements: ReadyStatements, { now, steady }: Moment): number | undefined {
  const inMicros = [
    until(statements.nextLeaseEnd.get()?.at, steady),
    until(statements.nextBegin.get({ now })?.at, now),
    until(statements.nextEnd.get()?.at, now),
  ].filter((micros) => micros !== undefined);
  // Rounded up: a timer that fires too early finds nothing and has to be set again.
  return inMicros.length === 0 ? undefined : Math.ceil(Math.max(0, Math.min(...inMicros)) / 1_000);
}

function until(at: number | null | undefined, now: number): number | undefined {
  return at === null || at === undefined ? undefined : at - now;
}
