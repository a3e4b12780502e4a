import { ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";

/** How a field is written as text, in a path or in a query. */
export interface TextCodec {
  /** What the text must be, for error messages: `must be …`. */
  readonly rule: string;
  /** The value as protobuf-es's reflection takes it; `undefined` if the text breaks the rule. */
  parse(text: string): unknown;
}

const int32 = smallInteger(-(2 ** 31), 2 ** 31 - 1);
const uint32 = smallInteger(0, 2 ** 32 - 1);
const int64 = bigInteger(-(2n ** 63n), 2n ** 63n - 1n);
const uint64 = bigInteger(0n, 2n ** 64n - 1n);

const bool: TextCodec = {
  rule: "must be true or false",
  parse: (text) => (text === "true" ? true : text === "false" ? false : undefined),
};

/** UTF-16 that has no UTF-8. */
export const loneSurrogate = /\p{Surrogate}/u;
const string: TextCodec = {
  rule: "must be well-formed Unicode",
  parse: (text) => (loneSurrogate.test(text) ? undefined : text),
};

// base64Decode skips blanks, and in a query every unescaped "+" is one: it would lose data silently.
const base64 = /^(?:[\w+/-]{4})*(?:[\w+/-]{2}(?:==)?|[\w+/-]{3}=?)?$/;
const bytes: TextCodec = {
  rule: "must be base64 or base64url",
  parse: (text) => (base64.test(text) ? base64Decode(text) : undefined),
};

/** The largest finite float: protobuf-es refuses to write a larger one. */
export const maxFloat = (2 - 2 ** -23) * 2 ** 127;

export const scalarCodecs: Readonly<Record<ScalarType, TextCodec>> = {
  [ScalarType.DOUBLE]: float(Number.MAX_VALUE, "a double"),
  [ScalarType.FLOAT]: float(maxFloat, "a float"),
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
  [ScalarType.BOOL]: bool,
  [ScalarType.STRING]: string,
  [ScalarType.BYTES]: bytes,
};

function integerPattern(signed: boolean): RegExp {
  return signed ? /^-?[0-9]+$/ : /^[0-9]+$/;
}

function smallInteger(min: number, max: number): TextCodec {
  const pattern = integerPattern(min < 0);
  return {
    rule: `must be a decimal integer from ${min} to ${max}`,
    parse(text) {
      const value = pattern.test(text) ? Number(text) : Number.NaN;
      // The sum turns -0 into 0, which is the same integer but another number.
      return value >= min && value <= max ? value + 0 : undefined;
    },
  };
}

function bigInteger(min: bigint, max: bigint): TextCodec {
  const pattern = integerPattern(min < 0n);
  return {
    rule: `must be a decimal integer from ${min} to ${max}`,
    parse(text) {
      const value = pattern.test(text) ? BigInt(text) : undefined;
      return value !== undefined && value >= min && value <= max ? value : undefined;
    },
  };
}

const decimal = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const notFinite = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

function float(max: number, range: string): TextCodec {
  return {
    rule: `must be a decimal number in the range of ${range}, NaN, Infinity or -Infinity`,
    parse(text) {
      const value = decimal.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
      return Math.abs(value) <= max ? value : notFinite.get(text);
    },
  };
}
