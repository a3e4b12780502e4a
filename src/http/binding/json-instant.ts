import { isFields, timestampName } from "./json-fields.js";

/** From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, in seconds since 1970. */
const firstSecond = -62_135_596_800;
const lastSecond = 253_402_300_799;

interface WrittenSecond {
  readonly seconds: number;
  /** Such as 2026-06-01T10:00:00. */
  readonly start: string;
  /** The last instant in it that was written; NaN if there is none. */
  nanos: number;
  text: string;
}

/** Seconds that were written lately, each at a place by its number: most answers are about the same few instants. */
const written: WrittenSecond[] = [];
const places = 64;

/** The text of a `google.protobuf.Timestamp`, in UTC with 0, 3, 6 or 9 digits; `undefined` if it has no such form. */
export function writeInstant(value: unknown): string | undefined {
  if (!isFields(value) || value.$typeName !== timestampName) return undefined;
  const { seconds, nanos } = value;
  if (typeof seconds !== "bigint" || typeof nanos !== "number") return undefined;
  const second = writeSecond(Number(seconds));
  if (second === undefined || second.nanos === nanos) return second?.text;
  const fraction = fractionOf(nanos);
  if (fraction === undefined) return undefined;
  second.nanos = nanos;
  second.text = second.start + fraction;
  return second.text;
}

function writeSecond(seconds: number): WrittenSecond | undefined {
  const place = seconds & (places - 1);
  const known = written[place];
  if (known?.seconds === seconds) return known;
  if (seconds < firstSecond || seconds > lastSecond) return undefined;
  const start = new Date(seconds * 1000).toISOString().slice(0, 19);
  const second = { seconds, start, nanos: Number.NaN, text: "" };
  written[place] = second;
  return second;
}

function fractionOf(nanos: number): string | undefined {
  if (nanos === 0) return "Z";
  if (!Number.isInteger(nanos) || nanos < 0 || nanos > 999_999_999) return undefined;
  const digits = `${1_000_000_000 + nanos}`;
  const count = nanos % 1_000_000 === 0 ? 3 : nanos % 1000 === 0 ? 6 : 9;
  return `.${digits.slice(1, 1 + count)}Z`;
}

/** The fields of a `google.protobuf.Timestamp`. */
export interface InstantFields {
  readonly seconds: bigint;
  readonly nanos: number;
}

/**
 * Makes a reader of RFC 3339 instants, which remembers the day of the last one: in a list they are close together.
 * It gives `undefined` for what it is not sure about, such as a leap second.
 */
export function instantReader(): (text: string) => InstantFields | undefined {
  let last: Midnight = { day: "none", zone: "Z", seconds: 0 };
  return (text) => {
    if (!text.startsWith(last.day) || !text.endsWith(last.zone)) {
      const midnight = findMidnight(text);
      if (midnight === undefined) return undefined;
      last = midnight;
    }
    const seconds = last.seconds + secondsOfDay(text);
    const nanos = readFraction(text, text.length - last.zone.length);
    return seconds >= firstSecond && seconds <= lastSecond && nanos !== undefined
      ? { seconds: BigInt(seconds), nanos }
      : undefined;
  };
}

interface Midnight {
  /** Such as 2026-06-01. */
  readonly day: string;
  /** `Z`, or an offset such as +02:00. */
  readonly zone: string;
  /** When the day begins there, since 1970. */
  readonly seconds: number;
}

const dayOfZone = /^(\d{4}-\d\d-\d\d)T.*(Z|[+-]\d\d:\d\d)$/;

function findMidnight(text: string): Midnight | undefined {
  const [, day, zone] = dayOfZone.exec(text) ?? [];
  if (day === undefined || zone === undefined) return undefined;
  const ms = Date.parse(`${day}T00:00:00${zone}`);
  return Number.isNaN(ms) ? undefined : { day, zone, seconds: ms / 1000 };
}

/** The `T10:00:00` behind the day, in seconds; NaN if it is not there. */
function secondsOfDay(text: string): number {
  const hours = twoDigits(text, 11);
  const minutes = twoDigits(text, 14);
  const seconds = twoDigits(text, 17);
  const isTime = text[10] === "T" && text[13] === ":" && text[16] === ":" && hours < 24 && minutes < 60 && seconds < 60;
  return isTime ? hours * 3600 + minutes * 60 + seconds : Number.NaN;
}

function twoDigits(text: string, at: number): number {
  return digitAt(text, at) * 10 + digitAt(text, at + 1);
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : Number.NaN;
}

/** By the number of digits, the last of which counts these units. */
const nanosPerUnit = Array.from({ length: 10 }, (_, digits) => 10 ** (9 - digits));

/** Nanoseconds of what stands between the seconds and the zone: nothing, or a point with 1 to 9 digits. */
function readFraction(text: string, end: number): number | undefined {
  if (end === 19) return 0;
  const count = end - 20;
  if (text[19] !== "." || count < 1 || count > 9) return undefined;
  let fraction = 0;
  for (let at = 20; at < end; at++) fraction = fraction * 10 + digitAt(text, at);
  return Number.isNaN(fraction) ? undefined : fraction * (nanosPerUnit[count] ?? 0);
}
