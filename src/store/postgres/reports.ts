import type { DispatchRow, DispatchState } from "../../dispatch/dispatch.js";
import { dispatchStates } from "../../dispatch/dispatch.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant } from "../../dispatch/instant.js";
import type { HostSeen } from "../../dispatch/ports.js";
import type { HostFilter, HostReport, QueueStats } from "../../dispatch/reports.js";
import { hostColumns, names } from "./columns.js";
import type { Database } from "./database.js";
import { textFromInstant } from "./instant-text.js";

/** In the order of bytes, like every name; `$4` is after whom, `$5` how many. */
const isWanted = `($1::text IS NULL OR hostname = $1) AND ($2::text IS NULL OR hostname >= $2 AND hostname < $3)
  AND ($4::text IS NULL OR hostname > $4)`;

const hostsText = `
WITH RECURSIVE addressed (hostname, n) AS (
  (SELECT hostname, 1 FROM dispatches WHERE ${isWanted} ORDER BY hostname LIMIT 1)
  UNION ALL
  SELECT next.hostname, a.n + 1 FROM addressed AS a CROSS JOIN LATERAL (
    SELECT hostname FROM dispatches WHERE ${isWanted} AND hostname > a.hostname ORDER BY hostname LIMIT 1
  ) AS next
  WHERE a.n < $5
), wanted AS MATERIALIZED (
  SELECT hostname FROM addressed
  UNION
  (SELECT hostname FROM hosts WHERE ${isWanted} ORDER BY hostname LIMIT $5)
  ORDER BY hostname LIMIT $5
)
SELECT w.hostname AS name, ${names(hostColumns, "h.")}, p.pending, l.rollout_id, l.state, l.changed_at
FROM wanted AS w
LEFT JOIN hosts AS h USING (hostname)
CROSS JOIN LATERAL (
  SELECT count(*) AS pending FROM dispatches AS d WHERE d.hostname = w.hostname AND d.state = 'pending'
) AS p
LEFT JOIN LATERAL (
  SELECT rollout_id, state, changed_at FROM dispatches AS d
  WHERE d.hostname = w.hostname AND d.attempt > 0
  ORDER BY changed_at DESC, sequence DESC LIMIT 1
) AS l ON true
ORDER BY w.hostname`;

interface WrittenReport extends WrittenHost {
  readonly name: Hostname;
  readonly pending: number;
  readonly rollout_id: DispatchRow["rolloutId"] | null;
  readonly state: DispatchState;
  readonly changed_at: Instant;
}

interface WrittenHost {
  /** `null` for one that never polled. */
  readonly hostname: Hostname | null;
  readonly last_seen_at: Instant;
  readonly address: string;
  readonly wire: HostSeen["wire"];
  readonly agent_version: string;
  readonly certificate_not_after: Instant | null;
}

/** Name by name through the index, however many dispatches each has had. */
export async function listHosts(
  database: Database,
  { hostname, hostnamePrefix }: HostFilter,
  after: Hostname | undefined,
  limit: number,
): Promise<HostReport[]> {
  const prefix = hostnamePrefix || null;
  // Names are ASCII, so what begins with a prefix lies between it and the prefix with the largest character behind it.
  const values = [hostname ?? null, prefix, prefix && `${prefix}\u007f`, after ?? null, limit];
  const rows = await database.query<WrittenReport>({ name: "hosts", text: hostsText, values });
  return rows.map(({ name, pending, rollout_id: rolloutId, state, changed_at: changedAt, ...seen }) => ({
    hostname: name,
    seen: seenFrom(seen),
    pending,
    last: rolloutId === null ? undefined : { rolloutId, state, changedAt },
  }));
}

export async function findHost(database: Database, hostname: Hostname): Promise<HostSeen | undefined> {
  const text = `SELECT ${names(hostColumns)} FROM hosts WHERE hostname = $1`;
  const [row] = await database.query<WrittenHost>({ name: "host", text, values: [hostname] });
  return row && seenFrom(row);
}

function seenFrom({ hostname, address, wire, ...seen }: WrittenHost): HostSeen | undefined {
  if (hostname === null) return undefined;
  const { last_seen_at: lastSeenAt, agent_version: agentVersion, certificate_not_after: certificateNotAfter } = seen;
  return { hostname, lastSeenAt, address, wire, agentVersion, certificateNotAfter };
}

/** Each kind in the words of its partial index: what waits is counted without a look at what is done. */
const countText = `
SELECT state, count(*) AS n FROM dispatches WHERE state = 'pending' GROUP BY state
UNION ALL SELECT state, count(*) FROM dispatches WHERE state = 'leased' GROUP BY state
UNION ALL SELECT state, count(*) FROM dispatches WHERE state NOT IN ('pending', 'leased') GROUP BY state`;

const restText = `
SELECT (SELECT min(enqueued_at) FROM dispatches WHERE state = 'pending') AS oldest, (SELECT count(*) FROM hosts) AS hosts`;

export async function stats(database: Database): Promise<QueueStats> {
  const counted = await database.query<{ state: DispatchState; n: number }>({ name: "counts", text: countText });
  const [rest] = await database.query<{ oldest: Instant | null; hosts: number }>({ name: "oldest", text: restText });
  const counts = new Map(counted.map(({ state, n }) => [state, n]));
  return {
    states: Object.fromEntries(dispatchStates.map((state) => [state, counts.get(state) ?? 0])) as QueueStats["states"],
    oldestPendingAt: rest?.oldest ?? undefined,
    hosts: rest?.hosts ?? 0,
  };
}

const waitingText = `
SELECT DISTINCT hostname FROM dispatches
WHERE state = 'pending' AND changed_at <= $1::timestamptz AND (not_before IS NULL OR not_before <= $1::timestamptz)
ORDER BY hostname LIMIT $2`;

export async function waitingHosts(database: Database, before: Instant, limit: number): Promise<Hostname[]> {
  const values = [textFromInstant(before), limit];
  const rows = await database.query<{ hostname: Hostname }>({ name: "waiting", text: waitingText, values });
  return rows.map(({ hostname }) => hostname);
}
