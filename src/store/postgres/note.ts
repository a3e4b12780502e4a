import type { Notes } from "../../dispatch/ports.js";
import { arrays, hostColumns, names, unnest } from "./columns.js";
import type { Session } from "./database.js";
import { tell } from "./history.js";
import type { Announcement } from "./notify.js";

const [, ...facts] = hostColumns;

const hostsText = `
INSERT INTO hosts (${names(hostColumns)})
SELECT * FROM ${unnest(hostColumns)}
ON CONFLICT (hostname) DO UPDATE SET ${facts.map(({ name }) => `${name} = excluded.${name}`).join(", ")}`;

/** What a crash may take along: it is not waited for until it is on the disk. */
export async function note(session: Session, { events, seen }: Notes, announcement: Announcement): Promise<void> {
  await session.query("SET LOCAL synchronous_commit = off");
  await tell(session, events, [], announcement);
  if (seen.length === 0) return;
  // In one order, so that two servers wait for each other and never in a circle.
  const hosts = [...seen].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  await session.query({ name: "seen", text: hostsText, values: arrays(hostColumns, hosts) });
}
