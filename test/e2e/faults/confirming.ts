import { expect } from "vitest";
import type { HttpClient } from "../support/client.js";
import { historyOf } from "../support/history.js";

export const rolloutId = "stable@a1b2c3d4";

/** No sweep that would wake anybody. */
const confirmed = ["--log-level", "debug", "--sweep", "1h", "--delivery", "confirmed"] as const;

/** Confirmed delivery that does not wait for proof for long, for agents that never give it. */
export const confirmingFlags = [...confirmed, "--confirm-within", "4s"] as const;

/** The same for agents that do give it, however slow the machine. */
export const patientFlags = [...confirmed, "--confirm-within", "1m"] as const;

/** How an agent can take so that what it does not receive comes back. */
export const waysToTake = [
  { way: "under a lease, HTTP/1.1", query: "?wait=60&lease_seconds=4", http2: false },
  { way: "with confirmed delivery, HTTP/1.1", query: "?wait=60", http2: false },
  { way: "with confirmed delivery, HTTP/2", query: "?wait=60", http2: true },
] as const;

/** A first attempt that was written out, that nothing was heard of, and a second one: what every fault has to end in. */
export async function expectRedelivered(operator: HttpClient, hostname: string): Promise<void> {
  const { events, attempt } = await historyOf(operator, hostname, rolloutId);
  const story = events.filter(({ kind }) => kind !== "flushed").map((event) => `${event.kind} ${event.attempt}`);
  expect(story).toEqual(["enqueued 0", "leased 1", "lease_expired 1", "leased 2"]);
  expect(events.some((event) => event.kind === "flushed" && event.attempt === 1)).toBe(true);
  expect(attempt).toBe(2);
}
