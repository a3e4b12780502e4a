import { BrokenRule, type ValueKind } from "./setting.js";

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitMs;

/**
 * A duration in milliseconds: a whole number and a unit, such as `250ms`, `5s`, `5m`, `1h` or `2d`.
 * A number without a unit is refused, since nobody can see whether `30` meant seconds or milliseconds.
 * @throws BrokenRule
 */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (digits === undefined || !isUnit(unit)) {
    throw new BrokenRule("must be a whole number with a unit (ms, s, m, h or d), such as 250ms, 30s or 5m");
  }
  const durationMs = Number(digits) * unitMs[unit];
  if (!Number.isSafeInteger(durationMs)) throw new BrokenRule("must be shorter");
  return durationMs;
}

function isUnit(text: string | undefined): text is Unit {
  return text !== undefined && text in unitMs;
}

/** A setting that is a duration in milliseconds, from `atLeast` to `atMost` (both written as durations, inclusive). */
export function duration(range: { readonly atLeast: string; readonly atMost: string }): ValueKind<number> {
  const leastMs = parseDuration(range.atLeast);
  const mostMs = parseDuration(range.atMost);
  return {
    placeholder: "DURATION",
    unit: "ms, s, m, h or d",
    shape: "text",
    parse: ([text = ""]) => {
      const durationMs = parseDuration(text);
      if (durationMs >= leastMs && durationMs <= mostMs) return durationMs;
      throw new BrokenRule(`must be from ${range.atLeast} to ${range.atMost}`);
    },
  };
}
