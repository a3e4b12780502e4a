import type { Hostname } from "../../dispatch/hostname.js";

/** How a server tells the others something. */
export interface Announcement {
  readonly channel: string;
  readonly payloads: (hosts: Iterable<Hostname>) => readonly string[];
}

/**
 * The one channel of all servers. Each word on it begins with the id of the server that says it, which does not listen to
 * itself, and goes on with hosts for which something waits (again), `*` for any of them, or `revocations`.
 */
export const channel = "nixfleet_dispatch";

export const anyHost = "*";
export const revocationsWord = "revocations";

/** PostgreSQL takes less than 8,000 bytes. */
const maxBytes = 7_900;

/** So many names are told one by one: more would keep the others longer busy with reading than a look for all does. */
const maxPayloads = 16;

/** Hosts' names are ASCII: a character is a byte. */
export function hostPayloads(serverId: string, hosts: Iterable<Hostname>): string[] {
  const payloads: string[] = [];
  let payload = serverId;
  for (const host of hosts) {
    if (payload.length + 1 + host.length > maxBytes) {
      payloads.push(payload);
      payload = serverId;
    }
    payload += ` ${host}`;
  }
  if (payload !== serverId) payloads.push(payload);
  return payloads.length > maxPayloads ? [`${serverId} ${anyHost}`] : payloads;
}

/** What somebody has said on the channel. */
export interface Word {
  readonly serverId: string;
  readonly about: readonly string[];
}

export function wordFrom(payload: string): Word {
  const [serverId = "", ...about] = payload.split(" ");
  return { serverId, about };
}

/** The end of a statement: takes the channel and an array of words. None of them: nobody is told, and no lock is taken. */
export function announcement(firstParameter: number): string {
  return `SELECT pg_notify($${firstParameter}::text, word) FROM unnest($${firstParameter + 1}::text[]) AS word`;
}
