/** How long to wait before the next poll after one that failed. */
export interface RetryOptions {
  /** The longest first wait, in milliseconds; it doubles with each failure in a row. Default: 1,000. */
  readonly baseMs?: number;
  /** Where the doubling ends, in milliseconds. Default: 30,000. */
  readonly capMs?: number;
}

/** However far away `Retry-After` points: a mistake on the way must not silence an agent for days. */
const maxRetryAfterMs = 60 * 60 * 1_000;

/**
 * Full jitter: evenly spread from 0 to `baseMs * 2^failures`, at most to `capMs`, so that agents which failed together come
 * back apart. The spread starts after `retryAfterMs`, as else all whom a server told the same would come at once.
 *
 * @param failures how many failed in a row before this one
 */
export function retryDelayMs(
  { baseMs, capMs }: Required<RetryOptions>,
  failures: number,
  random: () => number,
  retryAfterMs = 0,
): number {
  return retryAfterMs + Math.round(random() * Math.min(capMs, baseMs * 2 ** failures));
}

/** `Retry-After` in whole seconds or as an HTTP date, as milliseconds from now, at most an hour; `undefined` for anything else. */
export function parseRetryAfter(value: string | null | undefined, nowMs: number): number | undefined {
  if (value === null || value === undefined) return undefined;
  const text = value.trim();
  // Date.parse takes a lot that is no HTTP date; each form of those starts with the name of the weekday.
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : /^[A-Z]/.test(text) ? Date.parse(text) - nowMs : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}
