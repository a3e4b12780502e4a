import type { DispatchKey, DispatchRow, EnqueueResult, NewDispatch } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { Moment } from "../../dispatch/instant.js";
import { enqueued, superseded } from "../../dispatch/life.js";
import type { EnqueueGroup, EnqueueReceipt } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import type { Session } from "./database.js";
import { tell } from "./history.js";
import { type MomentSource, momentParameters } from "./moment.js";
import type { Announcement } from "./notify.js";
import { type Held, type HeldRow, heldFrom, holdStatement, insertRows, nameOf, updateRows } from "./rows.js";

/** All groups in one transaction, and one word to the other servers. */
export async function enqueue(
  session: Session,
  groups: readonly EnqueueGroup[],
  source: MomentSource,
  announcement: Announcement,
): Promise<readonly EnqueueReceipt[]> {
  const dispatches = groups.flatMap((group) => group.dispatches);
  const { moment, rows } = await holdForEnqueue(session, groups, source);
  const work = new Work(rows, moment, await nextSequences(session, dispatches.length));
  const receipts = groups.map((group) => ({
    results: group.dispatches.map((dispatch) => work.enqueue(dispatch, group)),
    enqueuedAt: moment.now,
  }));
  await insertRows(session, work.made());
  await updateRows(session, work.changed());
  await tell(session, work.events, new Set(dispatches.map(({ hostname }) => hostname)), announcement);
  return receipts;
}

/**
 * Besides the rows under the pairs, those that a newer one may take the place of: whatever waits of the same hosts and
 * channels. All of them in one order; see `hold`.
 */
const holdText = holdStatement(`
    SELECT hostname, rollout_id FROM unnest($3::text[], $4::text[]) AS u (hostname, rollout_id)
    UNION
    SELECT p.hostname, p.rollout_id
    FROM (SELECT DISTINCT * FROM unnest($5::text[], $6::text[])) AS c (hostname, channel)
    CROSS JOIN LATERAL (
      SELECT hostname, rollout_id FROM dispatches
      WHERE hostname = c.hostname AND state = 'pending' AND rollout_id ^@ (c.channel || '@')
      OFFSET 0
    ) AS p`);

async function holdForEnqueue(session: Session, groups: readonly EnqueueGroup[], source: MomentSource): Promise<Held> {
  const keys = groups.flatMap(({ dispatches }) => dispatches);
  const superseding = groups.flatMap(({ dispatches, supersede }) => (supersede ? dispatches : []));
  const values = [
    ...momentParameters(source),
    ...keyArrays(keys),
    superseding.map(({ hostname }) => hostname),
    superseding.map(({ rolloutId }) => channelOf(rolloutId)),
  ];
  const { rows } = await session.query<HeldRow>({ name: "hold-for-enqueue", text: holdText, values });
  return heldFrom(rows);
}

function keyArrays(keys: readonly DispatchKey[]): [string[], string[]] {
  return [keys.map(({ hostname }) => hostname), keys.map(({ rolloutId }) => rolloutId)];
}

const sequencesText = "SELECT nextval('enqueue_numbers') AS n FROM generate_series(1, $1)";

async function nextSequences(session: Session, count: number): Promise<number[]> {
  const { rows } = await session.query<{ n: number }>({ name: "sequences", text: sequencesText, values: [count] });
  return rows.map(({ n }) => n);
}

/** What one transaction makes of the rows that it holds, dispatch by dispatch. */
class Work {
  readonly events: NewEvent[] = [];
  readonly #before: ReadonlyMap<string, DispatchRow>;
  readonly #now: Map<string, DispatchRow>;
  readonly #byHost = new Map<string, Set<string>>();
  readonly #moment: Moment;
  readonly #sequences: number[];

  constructor(rows: readonly DispatchRow[], moment: Moment, sequences: number[]) {
    this.#before = new Map(rows.map((row) => [nameOf(row), row]));
    this.#now = new Map(this.#before);
    for (const row of rows) this.#remember(row);
    this.#moment = moment;
    this.#sequences = sequences.reverse();
  }

  enqueue(dispatch: NewDispatch, { supersede, origin }: Pick<EnqueueGroup, "supersede" | "origin">): EnqueueResult {
    const { hostname, rolloutId } = dispatch;
    const sequence = this.#sequences.pop();
    if (sequence === undefined) throw new Error("there are more dispatches than numbers for them");
    const old = this.#now.get(nameOf(dispatch));
    const { row, outcome, event } = enqueued(old, dispatch, { sequence, moment: this.#moment, origin });
    this.#keep(row, event);
    const older = supersede ? this.#pendingLike(dispatch) : [];
    for (const other of older) {
      const change = superseded(other, dispatch, this.#moment, origin);
      this.#keep(change.row, change.event);
    }
    return { hostname, rolloutId, outcome, superseded: older.length };
  }

  /** Rows that were not there. */
  made(): DispatchRow[] {
    return [...this.#now].flatMap(([name, row]) => (this.#before.has(name) ? [] : [row]));
  }

  /** Rows that were there, and are different now. */
  changed(): DispatchRow[] {
    return [...this.#now].flatMap(([name, row]) => {
      const before = this.#before.get(name);
      return before === undefined || before === row ? [] : [row];
    });
  }

  #pendingLike({ hostname, rolloutId }: DispatchKey): DispatchRow[] {
    const channel = channelOf(rolloutId);
    const ofHost = [...(this.#byHost.get(hostname) ?? [])].flatMap((name) => this.#now.get(name) ?? []);
    return ofHost.filter(
      (row) => row.state === "pending" && row.rolloutId !== rolloutId && channelOf(row.rolloutId) === channel,
    );
  }

  #keep(row: DispatchRow, event: NewEvent | undefined): void {
    this.#now.set(nameOf(row), row);
    this.#remember(row);
    if (event !== undefined) this.events.push(event);
  }

  #remember(row: DispatchRow): void {
    const names = this.#byHost.get(row.hostname);
    if (names === undefined) this.#byHost.set(row.hostname, new Set([nameOf(row)]));
    else names.add(nameOf(row));
  }
}
