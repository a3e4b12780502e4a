import { expect } from "vitest";
import type { HttpClient } from "../support/client.js";
import { historyOf } from "../support/history.js";

export const rolloutId = "stable@a1b2c3d4";

/** Confirmed delivery with a short time, and no sweep that would wake anybody. */
export const confirmingFlags = [
  ...["--log-level", "debug", "--sweep", "1h"],
  ...["--delivery", "confirmed", "--confirm-within", "2s"],
] as const;

/** How an agent can take so that what it does not receive comes back. */
export const waysToTake = [
  { way: "under a lease, HTTP/1.1", query: "?wait=60&lease_seconds=2", http2: false },
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
