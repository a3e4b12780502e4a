import type { Instant } from "../../dispatch/instant.js";

/**
 * Instants go to PostgreSQL and come back as text: a JavaScript `Date` would round them to the millisecond. Sessions run
 * in UTC with ISO dates (see `connection.ts`), so what comes back looks like `2026-05-16 01:27:00.123457+00`.
 */
export function textFromInstant(instant: number): string {
  const micros = String(instant % 1_000).padStart(3, "0");
  return `${new Date(Math.floor(instant / 1_000)).toISOString().slice(0, -1)}${micros}Z`;
}

const pattern = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/** @throws Error for text that no session of ours can have written */
export function instantFromText(text: string): Instant {
  const [, day, time, fraction = ""] = pattern.exec(text) ?? [];
  if (day === undefined) throw new Error(`PostgreSQL wrote an instant in an unknown way: ${text}`);
  // The columns hold what was checked on the way in.
  return (Date.parse(`${day}T${time}Z`) * 1_000 + Number(fraction.padEnd(6, "0"))) as Instant;
}
