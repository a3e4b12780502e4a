import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { timestampName } from "./json-fields.js";
import { instantReader } from "./json-instant.js";
import { maxFloat } from "./scalar.js";

/** How far the reading of one text is. */
export interface Walk {
  /** Keys and values that were strings, so far. */
  strings: number;
  /** How many messages lie around what is being read. */
  depth: number;
}

/** The value as a message holds it; `undefined` if that is not sure. */
export type Read<T = unknown> = (json: unknown, walk: Walk) => T | undefined;

export function listReader(read: Read): Read {
  return (json, walk) => {
    if (!Array.isArray(json)) return undefined;
    const items: readonly unknown[] = json;
    const list: unknown[] = [];
    for (const item of items) {
      const value = read(item, walk);
      if (value === undefined) return undefined;
      list.push(value);
    }
    return list;
  };
}

export function timestampReader(): Read {
  const readInstant = instantReader();
  return (json, walk) => {
    if (typeof json !== "string") return undefined;
    walk.strings++;
    const instant = readInstant(json);
    return instant && { $typeName: timestampName, seconds: instant.seconds, nanos: instant.nanos };
  };
}

export function enumReader(desc: DescEnum): Read {
  const numbers = new Map<unknown, number>(desc.values.map(({ name, number }) => [name, number]));
  return (json, walk) => {
    if (typeof json !== "string") return desc.open ? int32(json, walk) : undefined;
    walk.strings++;
    return numbers.get(json);
  };
}

const string: Read = (json, walk) => {
  if (typeof json !== "string") return undefined;
  walk.strings++;
  return json;
};

const int32 = numbersFrom(-(2 ** 31), 2 ** 31 - 1, Number.isInteger);
const uint32 = numbersFrom(0, 2 ** 32 - 1, Number.isInteger);
const int64 = longsOf(/^-?\d{1,18}$/, Number.MIN_SAFE_INTEGER);
const uint64 = longsOf(/^\d{1,18}$/, 0);
const double = numbersFrom(-Number.MAX_VALUE, Number.MAX_VALUE);
const float = numbersFrom(-maxFloat, maxFloat);

function numbersFrom(min: number, max: number, fits: (json: number) => boolean = () => true): Read {
  return (json) => (typeof json === "number" && json >= min && json <= max && fits(json) ? json : undefined);
}

/** 64-bit integers, as strings of digits that are surely in range or as numbers that are surely exact. */
function longsOf(digits: RegExp, min: number): Read {
  return (json, walk) => {
    if (typeof json === "number") return Number.isSafeInteger(json) && json >= min ? BigInt(json) : undefined;
    if (typeof json !== "string") return undefined;
    walk.strings++;
    return digits.test(json) ? BigInt(json) : undefined;
  };
}

export const scalarReaders: Readonly<Record<ScalarType, Read>> = {
  [ScalarType.DOUBLE]: double,
  [ScalarType.FLOAT]: float,
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.BOOL]: (json) => (typeof json === "boolean" ? json : undefined),
  [ScalarType.STRING]: string,
  [ScalarType.BYTES]: () => undefined,
};
