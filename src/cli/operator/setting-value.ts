import { formatHostPort } from "../../config/host-port.js";
import type { ValueKind } from "../../config/setting.js";
import type { ServeConfig } from "../../config/settings.js";

/** What a setting holds, as `--json` prints it. Where it is text, it can be written into a flag or the file as it is. */
export type WrittenValue = string | number | boolean | readonly string[] | null;

export function settingValue(
  value: ServeConfig[keyof ServeConfig],
  { placeholder }: Pick<ValueKind<unknown>, "placeholder">,
): WrittenValue {
  if (value === undefined) return null;
  if (typeof value === "number") return placeholder === "DURATION" ? durationText(value) : value;
  if (typeof value !== "object") return value;
  if ("port" in value) return formatHostPort(value);
  if ("kind" in value) return databaseText(value);
  return value;
}

/** A URL without its password, which is nobody's to read. */
function databaseText(db: ServeConfig["db"]): string {
  if (db.kind !== "postgres") return db.kind === "none" ? "none" : db.path;
  const url = new URL(db.url);
  if (url.password !== "") url.password = "***";
  return url.href;
}

/** As people read it; `none` where there is nothing. */
export function settingText(value: WrittenValue): string {
  if (value === null) return "none";
  return typeof value === "object" ? value.join(", ") : String(value);
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** In the largest unit in which it is a whole number, as `parseDuration` reads it. */
function durationText(durationMs: number): string {
  if (durationMs === 0) return "0s";
  const [name, ms] = units.find(([, unitMs]) => durationMs % unitMs === 0) ?? ["ms", 1];
  return `${durationMs / ms}${name}`;
}
