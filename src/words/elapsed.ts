const units = [
  { name: "s", ms: 1_000, upTo: 60 },
  { name: "m", ms: 60_000, upTo: 60 },
  { name: "h", ms: 3_600_000, upTo: 24 },
  { name: "d", ms: 86_400_000, upTo: Number.POSITIVE_INFINITY },
] as const;

/** A duration as a person says it, in the nearest whole number of its largest unit: `3 m`, `2 d`, `0 s`; 4 m 59.9 s is `5 m`. */
export function formatDuration(durationMs: number): string {
  for (const { name, ms, upTo } of units) {
    const count = Math.round(durationMs / ms);
    if (count < upTo) return `${count} ${name}`;
  }
  return "for ever";
}

/** The same for who measures: `35 ms`, `1.2 s`, `4 m 59 s`, `2 h 3 m`, `3 d 4 h`. */
export function formatSpan(durationMs: number): string {
  if (Math.round(durationMs) < 1_000) return `${Math.round(durationMs)} ms`;
  const tenths = Math.round(durationMs / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  for (const [i, { name, upTo }] of units.entries()) {
    const smaller = units[i - 1];
    if (smaller === undefined) continue;
    const count = Math.round(durationMs / smaller.ms);
    const [whole, rest] = [Math.floor(count / smaller.upTo), count % smaller.upTo];
    if (whole < upTo) return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${smaller.name}`;
  }
  return "for ever";
}

/** `3 m ago`, `in 2 h` or `now`: where `instant` lies from `now`. */
export function formatElapsed(instant: Date, now: Date): string {
  const pastMs = now.getTime() - instant.getTime();
  if (Math.abs(pastMs) < 1_000) return "now";
  return pastMs > 0 ? `${formatDuration(pastMs)} ago` : `in ${formatDuration(-pastMs)}`;
}
