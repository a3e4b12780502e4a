import type { Taken } from "../../dispatch/dispatch.js";
import type { Instant, Steady } from "../../dispatch/instant.js";
import type { LeaseToken, TakeTerms } from "../../dispatch/lease.js";
import { type Taker, unproven } from "../../dispatch/life.js";
import type { TakeWant } from "../../dispatch/ports.js";
import { eventColumns, names } from "./columns.js";
import type { Session } from "./database.js";
import { guard } from "./event-horizon.js";
import { textFromInstant } from "./instant-text.js";
import { type MomentSource, momentParameters } from "./moment.js";
import { nextDueInMs } from "./next-due.js";

/**
 * A batch of takes in one statement, which is one transaction and one way to the database and back. It says again in SQL what
 * `taken` in `life.ts` says, because the way back and forth would cost more than the take (see docs/decisions); the contract
 * tests hold the two together.
 *
 * - `SKIP LOCKED`: what another server is about to take, or to change, is not waited for. Who changes it kicks its host.
 * - What it holds it changes by its place, without looking for it again. A row that has moved since the statement began is left
 *   alone: who has moved it kicks its host too.
 * - If anything is due in the whole queue it takes nothing, unless `$4` says that this was seen to.
 * - Leases that are asked for get the tokens in the order of the takers; those that are left over stay unused.
 */
const text = `
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::timestamptz, t) AS now, coalesce($2::timestamptz, t) AS steady FROM (SELECT clock_timestamp() AS t) AS c
), due AS MATERIALIZED (
  SELECT now, steady,
    (SELECT min(lease_ends_at) FROM dispatches WHERE state = 'leased') AS lease_end,
    (SELECT min(not_before) FROM dispatches WHERE state = 'pending' AND not_before IS NOT NULL AND not_before > now) AS begin,
    (SELECT min(not_after) FROM dispatches WHERE state = 'pending' AND not_after IS NOT NULL) AS expiry,
    EXISTS (SELECT FROM dispatches WHERE state = 'pending' AND not_before IS NOT NULL AND not_before > $3::timestamptz
      AND not_before <= now) AS has_begun
  FROM clock
), state AS MATERIALIZED (
  SELECT *, NOT $4::boolean AND (has_begun OR coalesce(lease_end <= steady, false) OR coalesce(expiry <= now, false)) AS is_due
  FROM due
), takers AS MATERIALIZED (
  SELECT * FROM unnest($5::int[], $6::int[], $7::text[], $8::bigint[], $9::boolean[], $10::text[], $11::text[], $12::text[],
    $13::int[]) AS t (want, place, hostname, lease_micros, is_asked, actor, address, wire, parked_ms)
), found AS MATERIALIZED (
  SELECT w.want, d.ctid AS version,
    row_number() OVER (PARTITION BY w.want ORDER BY d.enqueued_at, d.sequence)::int AS place
  FROM state
  CROSS JOIN (SELECT want, hostname, count(*) AS places FROM takers GROUP BY want, hostname) AS w
  CROSS JOIN LATERAL (
    SELECT ctid, enqueued_at, sequence
    FROM dispatches
    WHERE hostname = w.hostname AND state = 'pending'
      AND (not_before IS NULL OR not_before <= state.now) AND (not_after IS NULL OR not_after > state.now)
    ORDER BY enqueued_at, sequence
    LIMIT w.places
    FOR UPDATE SKIP LOCKED
  ) AS d
  WHERE NOT state.is_due
), matched AS MATERIALIZED (
  SELECT f.version, t.*, count(*) FILTER (WHERE t.is_asked) OVER (ORDER BY t.want, t.place)::int AS token
  FROM found AS f JOIN takers AS t USING (want, place)
), changed AS (
  UPDATE dispatches AS d
  SET attempt = d.attempt + 1,
    changed_at = clock.now,
    state = CASE WHEN m.lease_micros IS NULL THEN 'delivered' ELSE 'leased' END,
    lease_token = CASE WHEN m.is_asked THEN ($14::text[])[m.token] END,
    lease_ends_at = clock.steady + m.lease_micros * interval '1 microsecond',
    lease_expires_at = clock.now + m.lease_micros * interval '1 microsecond',
    take_id = $15
  FROM matched AS m CROSS JOIN clock
  WHERE d.ctid = m.version
  RETURNING d.*, m.want, m.place, m.lease_micros, m.is_asked, m.actor, m.address, m.wire, m.parked_ms
), ${guard}, told AS (
  INSERT INTO events (${names(eventColumns)})
  SELECT changed_at, hostname, rollout_id, state, attempt, actor, address, wire,
    CASE WHEN lease_micros IS NULL OR is_asked THEN '' ELSE $16::text END, parked_ms
  FROM guard CROSS JOIN (SELECT * FROM changed ORDER BY want, place) AS c
)
SELECT s.now, s.steady, s.is_due,
  least(s.lease_end, (SELECT min(lease_ends_at) FROM changed)) AS lease_end,
  s.begin,
  CASE WHEN s.expiry IS NULL THEN NULL ELSE (
    SELECT d.not_after FROM dispatches AS d
    WHERE d.state = 'pending' AND d.not_after IS NOT NULL
      AND NOT EXISTS (SELECT FROM matched AS m WHERE m.version = d.ctid)
    ORDER BY d.not_after LIMIT 1
  ) END AS expiry,
  c.want, c.hostname, c.rollout_id, c.target_closure, c.soak_due_at, c.enqueued_at, c.sequence, c.attempt, c.lease_token,
  c.lease_expires_at
FROM state AS s LEFT JOIN changed AS c ON true
ORDER BY c.want, c.place`;

/** @param since when it was looked last for what has begun since; `isSettled`: take, whatever is due */
export interface TakeCall {
  readonly wants: readonly TakeWant[];
  readonly tokens: readonly LeaseToken[];
  readonly takeId: number;
  readonly since: Instant;
  readonly isSettled: boolean;
}

export interface TakeAnswer {
  readonly now: Instant;
  /** Whether something was due: then nothing was taken. */
  readonly isDue: boolean;
  readonly taken: readonly (readonly Taken[])[];
  readonly nextInMs: number | undefined;
}

export async function take(session: Session, call: TakeCall, source: MomentSource): Promise<TakeAnswer> {
  const { wants, tokens, takeId, since, isSettled } = call;
  const values = [
    ...momentParameters(source),
    ...[textFromInstant(since), isSettled],
    ...takerArrays(wants),
    ...[tokens, takeId, unproven],
  ];
  const { rows } = await session.query<AnswerRow>({ name: "take", text, values });
  const [first] = rows;
  if (first === undefined) throw new Error("the database did not say what time it is");
  const taken: Taken[][] = wants.map(() => []);
  for (const row of rows) if (row.want !== null) taken[row.want]?.push(takenFrom(row));
  return { now: first.now, isDue: first.is_due, taken, nextInMs: nextDueInMs(first) };
}

interface Clocks {
  readonly now: Instant;
  readonly steady: Steady;
  readonly is_due: boolean;
  readonly lease_end: Steady | null;
  readonly begin: Instant | null;
  readonly expiry: Instant | null;
}

interface TakenRow {
  readonly want: number;
  readonly hostname: Taken["dispatch"]["hostname"];
  readonly rollout_id: Taken["dispatch"]["rolloutId"];
  readonly target_closure: Taken["dispatch"]["targetClosure"];
  readonly soak_due_at: Instant;
  readonly enqueued_at: Instant;
  readonly sequence: number;
  readonly attempt: number;
  readonly lease_token: LeaseToken | null;
  readonly lease_expires_at: Instant | null;
}

type AnswerRow = Clocks & (TakenRow | { readonly want: null });

function takenFrom(row: TakenRow): Taken {
  const { hostname, rollout_id: rolloutId, sequence, attempt, enqueued_at: enqueuedAt, soak_due_at: soakDueAt } = row;
  const { lease_token: token, lease_expires_at: expiresAt } = row;
  return {
    dispatch: { hostname, rolloutId, targetClosure: row.target_closure, soakDueAt, enqueuedAt },
    take: { hostname, rolloutId, sequence, attempt },
    lease: token === null || expiresAt === null ? undefined : { token, expiresAt, attempt },
  };
}

/** `$5` to `$13`: one element for each taker, places from 1. */
function takerArrays(wants: readonly TakeWant[]) {
  const all = wants.flatMap(({ hostname, takers }, want) =>
    takers.map((taker, i) => ({ want, place: i + 1, hostname, ...taker })),
  );
  return [
    all.map(({ want }) => want),
    all.map(({ place }) => place),
    all.map(({ hostname }) => hostname),
    all.map(({ terms }) => leaseMicros(terms)),
    all.map(asksForLease),
    all.map(({ origin }) => origin.actor),
    all.map(({ origin }) => origin.address),
    all.map(({ origin }) => origin.wire),
    all.map(({ parkedMs }) => parkedMs),
  ];
}

function leaseMicros(terms: TakeTerms): number | null {
  if (terms.kind === "once") return null;
  return 1_000 * (terms.kind === "lease" ? terms.leaseMs : terms.withinMs);
}

export function asksForLease({ terms }: Pick<Taker, "terms">): boolean {
  return terms.kind === "lease";
}
