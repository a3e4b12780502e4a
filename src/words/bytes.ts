const units = ["kB", "MB", "GB", "TB"] as const;

/** As a person says it: `812 bytes`, `4.1 kB`, `1.2 GB`. Decimal, as disks are sold. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let amount = bytes / 1_000;
  let unit = 0;
  // What would be written with four digits before the point belongs to the next unit.
  for (; amount >= 999.95 && unit < units.length - 1; unit += 1) amount /= 1_000;
  return `${amount.toFixed(1)} ${units[unit]}`;
}
