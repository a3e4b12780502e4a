import type { NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import { arrays, eventColumns, names, unnest } from "./columns.js";
import type { Session } from "./database.js";
import { guard } from "./event-horizon.js";
import { type Announcement, announcement } from "./notify.js";

const text = `
WITH ${guard}, told AS (
  INSERT INTO events (${names(eventColumns)})
  SELECT e.* FROM guard CROSS JOIN ${unnest(eventColumns)} AS e
)
${announcement(eventColumns.length + 1)}`;

/** Writes history, and tells the other servers for whom something waits (again), both with the commit. */
export async function tell(
  session: Session,
  events: readonly NewEvent[],
  hosts: Iterable<Hostname>,
  { channel, payloads }: Announcement,
): Promise<void> {
  const words = payloads(hosts);
  if (events.length === 0 && words.length === 0) return;
  await session.query({ name: "tell", text, values: [...arrays(eventColumns, events), channel, words] });
}
