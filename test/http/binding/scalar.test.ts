import { ScalarType } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { scalarCodecs } from "../../../src/http/binding/scalar.js";

const small: [ScalarType, number, number][] = [
  [ScalarType.INT32, -2147483648, 2147483647],
  [ScalarType.SINT32, -2147483648, 2147483647],
  [ScalarType.SFIXED32, -2147483648, 2147483647],
  [ScalarType.UINT32, 0, 4294967295],
  [ScalarType.FIXED32, 0, 4294967295],
];
const big: [ScalarType, bigint, bigint][] = [
  [ScalarType.INT64, -9223372036854775808n, 9223372036854775807n],
  [ScalarType.SINT64, -9223372036854775808n, 9223372036854775807n],
  [ScalarType.SFIXED64, -9223372036854775808n, 9223372036854775807n],
  [ScalarType.UINT64, 0n, 18446744073709551615n],
  [ScalarType.FIXED64, 0n, 18446744073709551615n],
];

describe.each([...small, ...big])("integers of kind %i from %d to %d", (kind, min, max) => {
  const codec = scalarCodecs[kind];

  test("are taken up to both ends of the range, and not beyond", () => {
    expect(codec.parse(`${min}`)).toBe(min);
    expect(codec.parse(`${max}`)).toBe(max);
    expect(codec.parse(`${BigInt(min) - 1n}`)).toBeUndefined();
    expect(codec.parse(`${BigInt(max) + 1n}`)).toBeUndefined();
    expect(codec.rule).toBe(`must be a decimal integer from ${min} to ${max}`);
  });

  test("may have leading zeros", () => {
    expect(codec.parse("007")).toBe(typeof max === "bigint" ? 7n : 7);
  });

  test("take a minus where there are negative ones, and -0 is 0", () => {
    const zero = typeof max === "bigint" ? 0n : 0;
    expect(codec.parse("-0")).toBe(Number(min) < 0 ? zero : undefined);
  });

  test.each(["", "+1", " 5", "5 ", "1.0", "1e3", "0x10", "1_000", "abc", "--1", "٣", "1\n"])("refuse %j", (text) => {
    expect(codec.parse(text)).toBeUndefined();
  });
});

describe("floating-point numbers", () => {
  const double = scalarCodecs[ScalarType.DOUBLE];
  const float = scalarCodecs[ScalarType.FLOAT];

  test.each([
    ["0", 0],
    ["-0", -0],
    ["1.5", 1.5],
    ["-2e-3", -0.002],
    ["1E+2", 100],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
  ])("take %s", (text, value) => {
    expect(double.parse(text)).toBe(value);
    expect(float.parse(text)).toBe(value);
  });

  test.each(["", "nan", "+Infinity", "inf", ".5", "5.", " 1", "0x1", "1e", "1e400"])("refuse %j", (text) => {
    expect(double.parse(text)).toBeUndefined();
    expect(float.parse(text)).toBeUndefined();
  });

  test("are finite within their own range", () => {
    expect(double.parse("1.7976931348623157e308")).toBe(Number.MAX_VALUE);
    expect(float.parse("3.4028234663852886e38")).toBe(3.4028234663852886e38);
    expect(float.parse("3.41e38")).toBeUndefined();
  });
});

test("booleans are true and false, and nothing else", () => {
  const { parse } = scalarCodecs[ScalarType.BOOL];
  expect(["true", "false", "True", "1", "0", "", "yes"].map(parse)).toEqual([true, false, ...Array(5).fill(undefined)]);
});

test("strings are taken as they are, unless they are no Unicode", () => {
  const { parse } = scalarCodecs[ScalarType.STRING];
  expect(["", " a\0", "😀", "\ud800"].map(parse)).toEqual(["", " a\0", "😀", undefined]);
});

describe("bytes", () => {
  const { parse } = scalarCodecs[ScalarType.BYTES];

  test.each([
    ["", []],
    ["+/8=", [251, 255]],
    ["-_8", [251, 255]],
    ["YQ==", [97]],
    ["YQ", [97]],
    ["YWJj", [97, 98, 99]],
  ])("are base64 or base64url, padded or not: %j", (text, bytes) => {
    expect(parse(text)).toEqual(new Uint8Array(bytes));
  });

  // An unescaped "+" of a query arrives as a blank.
  test.each(["Y", "YQ=", "YQ===", "YQ==YQ==", "YW Jj", " ", "Y!"])("refuse %j", (text) => {
    expect(parse(text)).toBeUndefined();
  });
});
