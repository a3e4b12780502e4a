import type Database from "better-sqlite3";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { HostSeen } from "../../dispatch/ports.js";
import { CompiledSelect, CompiledWrite, type Values, type Worded } from "./compiled.js";
import { lastUsedEventId } from "./event-ids.js";
import { EventWriter, keptEventValues } from "./event-writer.js";
import { foundRowFromColumns, foundRowValues, keptRowValues } from "./kept-row.js";
import { KnownEmpty } from "./known-empty.js";
import { countStates, StateCounts } from "./state-counts.js";
import { prepareStatements } from "./statements.js";
import { takenRowValues, waitingRowFromColumns } from "./waiting-row.js";

export type ReadyStatements = ReturnType<typeof compileStatements>;

/** The statements of the hot path, ready to run, and what is to be kept up to date by whoever runs them. */
export function compileStatements(client: Database.Database, db: BetterSQLite3Database) {
  const worded = prepareStatements(db);
  const select = (statement: Worded) => new CompiledSelect(client, statement, foundRowFromColumns);
  const write = (statement: Worded) => new CompiledWrite(client, statement, keptRowValues);
  const addEvents = (statement: Worded) => new CompiledWrite(client, statement, keptEventValues);
  return {
    ...worded,
    leasesOver: select(worded.leasesOver),
    expired: select(worded.expired),
    takeable: new CompiledSelect(client, worded.takeable, waitingRowFromColumns),
    updateTaken: new CompiledWrite(client, worded.updateTaken, takenRowValues),
    pendingOfChannel: select(worded.pendingOfChannel),
    find: select(worded.find),
    update: new CompiledWrite(client, worded.update, foundRowValues),
    lastEvent: new CompiledSelect(client, worded.lastEvent, ([id]: [number | null]) => id),
    insert: write(worded.insert),
    insertFresh: write(worded.insertFresh),
    upsert: write(worded.upsert),
    putHost: new CompiledWrite(client, worded.putHost, hostValues),
    events: new EventWriter(
      addEvents(worded.addEvent),
      [worded.addEventsAlike, worded.addEventsOfOneKind, worded.addEvents, worded.addTwoEvents].map(addEvents),
      lastUsedEventId(db),
    ),
    knownEmpty: new KnownEmpty(),
    counts: new StateCounts(countStates(db)),
  };
}

const hostValues = {
  hostname: ({ hostname }) => hostname,
  lastSeenAt: ({ lastSeenAt }) => lastSeenAt,
  address: ({ address }) => address,
  wire: ({ wire }) => wire,
  agentVersion: ({ agentVersion }) => agentVersion,
  certificateNotAfter: ({ certificateNotAfter }) => certificateNotAfter,
} satisfies Values<HostSeen>;
