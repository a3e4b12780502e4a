import type Database from "better-sqlite3";
import type { Query } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { Compiled, CompiledSelect } from "./compiled.js";
import { rowFromColumns } from "./dispatch-columns.js";
import { EventWriter } from "./event-writer.js";
import { FreshRows } from "./fresh-rows.js";
import { prepareStatements } from "./statements.js";

export type ReadyStatements = ReturnType<typeof compileStatements>;

/** The statements of the hot path, ready to run. */
export function compileStatements(client: Database.Database, db: BetterSQLite3Database) {
  const worded = prepareStatements(db);
  const select = (statement: { getQuery(): Query }) => new CompiledSelect(client, statement, rowFromColumns);
  const { leasesOver, expired, takeable, pendingOfChannel, find, addEvent, addEvents } = worded;
  return {
    ...worded,
    leasesOver: select(leasesOver),
    expired: select(expired),
    takeable: select(takeable),
    pendingOfChannel: select(pendingOfChannel),
    find: select(find),
    update: new Compiled(client, worded.update),
    insert: new Compiled(client, worded.insert),
    insertFresh: new FreshRows(new Compiled(client, worded.insertFresh)),
    upsert: new Compiled(client, worded.upsert),
    putHost: new Compiled(client, worded.putHost),
    events: new EventWriter(new Compiled(client, addEvent), new Compiled(client, addEvents)),
  };
}
