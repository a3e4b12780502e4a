import type { Random } from "./ports.js";

/** Agents in the field give up at 65 s and many proxies cut at 60 s, so no wait is longer than this. */
export const maxWaitSeconds = 60;

/** How much earlier than asked an idle poll may be answered, as a share of the wait. */
const earliestShare = 0.05;

/**
 * Polls whose waits end within so many milliseconds of each other end together. A small part of what `earliestShare` leaves,
 * so that a fleet drifts apart nevertheless.
 */
export function endGridMs(waitMs: number): number {
  return waitMs < 10_000 ? 10 : 100;
}

/**
 * From what the caller asked for, in seconds, to how long the poll is held, in milliseconds: at most a minute, and 0 to
 * 5 % less at random, so that a fleet that was started together drifts apart. Never later than asked, the grid included.
 */
export function waitMsFor(askedSeconds: bigint | undefined, random: Random): number {
  const seconds =
    askedSeconds === undefined || askedSeconds > BigInt(maxWaitSeconds) ? maxWaitSeconds : Number(askedSeconds);
  const askedMs = seconds * 1_000;
  if (askedMs === 0) return 0;
  const latestMs = askedMs - endGridMs(askedMs);
  return Math.floor(latestMs - (latestMs - askedMs * (1 - earliestShare)) * random());
}
