import type { NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant } from "../../dispatch/instant.js";
import { fallenDue } from "../../dispatch/life.js";
import { dispatchColumns, names } from "./columns.js";
import type { Session } from "./database.js";
import { tell } from "./history.js";
import { textFromInstant } from "./instant-text.js";
import { type MomentSource, momentParameters } from "./moment.js";
import { type NextDue, nextDueInMs } from "./next-due.js";
import type { Announcement } from "./notify.js";
import { type HeldRow, heldFrom, updateRows } from "./rows.js";

export interface Settling {
  /** When this was done last: whose `not_before` has passed since then can be taken now. */
  readonly since: Instant;
  readonly limit: number;
}

export interface Settled {
  readonly now: Instant;
  /** For whom something waits (again). */
  readonly hostnames: ReadonlySet<Hostname>;
  readonly events: readonly NewEvent[];
  readonly nextInMs: number | undefined;
}

/** What another server is settling just now is left to it: it tells the rest. */
const holdText = `
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::timestamptz, t) AS now, coalesce($2::timestamptz, t) AS steady FROM (SELECT clock_timestamp() AS t) AS c
), over AS MATERIALIZED (
  SELECT l.* FROM clock CROSS JOIN LATERAL (
    SELECT ${names(dispatchColumns)} FROM dispatches
    WHERE state = 'leased' AND lease_ends_at <= clock.steady
    ORDER BY lease_ends_at LIMIT $3 FOR UPDATE SKIP LOCKED
  ) AS l
), expired AS MATERIALIZED (
  SELECT e.* FROM clock CROSS JOIN LATERAL (
    SELECT ${names(dispatchColumns)} FROM dispatches
    WHERE state = 'pending' AND not_after IS NOT NULL AND not_after <= clock.now
    ORDER BY not_after LIMIT $3 - (SELECT count(*) FROM over) FOR UPDATE SKIP LOCKED
  ) AS e
)
SELECT now, steady, held.* FROM clock LEFT JOIN (SELECT * FROM over UNION ALL SELECT * FROM expired) AS held ON true`;

export async function settleDue(
  session: Session,
  { since, limit }: Settling,
  source: MomentSource,
  announcement: Announcement,
): Promise<Settled> {
  const values = [...momentParameters(source), limit];
  const { rows } = await session.query<HeldRow>({ name: "settle", text: holdText, values });
  const { moment, rows: due } = heldFrom(rows);
  const changes = due.flatMap((row) => fallenDue(row, moment) ?? []);
  const events = changes.map(({ event }) => event);
  await updateRows(
    session,
    changes.map(({ row }) => row),
  );
  const again = changes.flatMap(({ row }) => (row.state === "pending" ? [row.hostname] : []));
  await tell(session, events, new Set(again), announcement);
  const { begun, nextInMs } = await lookAhead(session, since, moment);
  return { now: moment.now, hostnames: new Set([...again, ...begun]), events, nextInMs };
}

const aheadText = `
SELECT
  (SELECT min(lease_ends_at) FROM dispatches WHERE state = 'leased') AS lease_end,
  (SELECT min(not_before) FROM dispatches WHERE state = 'pending' AND not_before IS NOT NULL AND not_before > $1::timestamptz)
    AS begin,
  (SELECT min(not_after) FROM dispatches WHERE state = 'pending' AND not_after IS NOT NULL) AS expiry,
  ARRAY(SELECT DISTINCT hostname FROM dispatches WHERE state = 'pending' AND not_before IS NOT NULL
    AND not_before > $2::timestamptz AND not_before <= $1::timestamptz) AS begun`;

async function lookAhead(session: Session, since: Instant, moment: Pick<NextDue, "now" | "steady">) {
  const values = [textFromInstant(moment.now), textFromInstant(since)];
  const { rows } = await session.query<NextDue & { begun: Hostname[] }>({ name: "ahead", text: aheadText, values });
  const [row] = rows;
  if (row === undefined) throw new Error("a row without a table came back empty");
  return { begun: row.begun, nextInMs: nextDueInMs({ ...row, ...moment }) };
}
