import { isFields, timestampName } from "./json-fields.js";

/** From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, in seconds since 1970. */
const firstSecond = -62_135_596_800;
const lastSecond = 253_402_300_799;

/** Texts of seconds that were written lately: most answers are about the same few. A second has its place by number. */
const recent: { readonly seconds: number; readonly text: string }[] = [];
const recentCount = 64;

/** The text of a `google.protobuf.Timestamp`, in UTC with 0, 3, 6 or 9 digits; `undefined` if it has no such form. */
export function writeInstant(value: unknown): string | undefined {
  if (!isFields(value) || value.$typeName !== timestampName) return undefined;
  const { seconds, nanos } = value;
  if (typeof seconds !== "bigint" || typeof nanos !== "number") return undefined;
  const second = textOfSecond(Number(seconds));
  const fraction = fractionOf(nanos);
  return second && fraction && second + fraction;
}

function textOfSecond(seconds: number): string | undefined {
  const place = seconds & (recentCount - 1);
  const known = recent[place];
  if (known?.seconds === seconds) return known.text;
  if (seconds < firstSecond || seconds > lastSecond) return undefined;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  recent[place] = { seconds, text };
  return text;
}

function fractionOf(nanos: number): string | undefined {
  if (nanos === 0) return "Z";
  if (!Number.isInteger(nanos) || nanos < 0 || nanos > 999_999_999) return undefined;
  const digits = `${1_000_000_000 + nanos}`;
  const count = nanos % 1_000_000 === 0 ? 3 : nanos % 1000 === 0 ? 6 : 9;
  return `.${digits.slice(1, 1 + count)}Z`;
}
