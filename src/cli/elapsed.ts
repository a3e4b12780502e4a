const steps = [
  { unit: "d", ms: 86_400_000 },
  { unit: "h", ms: 3_600_000 },
  { unit: "m", ms: 60_000 },
  { unit: "s", ms: 1000 },
] as const;

/** A duration as a person says it, in its largest whole unit: `3 m`, `2 d`, `0 s`. */
export function formatDuration(durationMs: number): string {
  const step = steps.find(({ ms }) => durationMs >= ms) ?? { unit: "s", ms: 1000 };
  return `${Math.floor(durationMs / step.ms)} ${step.unit}`;
}

/** `3 m ago`, `in 2 h` or `now`: where `instant` lies from `now`. */
export function formatElapsed(instant: Date, now: Date): string {
  const pastMs = now.getTime() - instant.getTime();
  if (Math.abs(pastMs) < 1000) return "now";
  return pastMs > 0 ? `${formatDuration(pastMs)} ago` : `in ${formatDuration(-pastMs)}`;
}
