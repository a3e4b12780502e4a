import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

type Values = fc.Arbitrary<unknown>;

/**
 * Messages of any type, by their descriptor, with maps and well-known types other than Timestamp left unset.
 *
 * @param odd Whether there may be values that the schema does not allow, such as half an integer.
 */
export function messagesOf(desc: DescMessage, { odd, depth = 2 }: { odd: boolean; depth?: number }) {
  const fields = desc.fields.filter((field) => isEasy(field) && (depth > 0 || isLeaf(field)));
  return fc.subarray(fields).chain((chosen) =>
    fc.tuple(...chosen.map((field) => fieldValues(field, odd, depth))).map((values): Message => {
      const message = reflect(desc, create(desc), false);
      for (const [index, field] of chosen.entries()) put(message, field, values[index]);
      return message.message;
    }),
  );
}

function put(message: ReflectMessage, field: DescField, value: unknown): void {
  if (field.fieldKind !== "list") {
    message.set(field, value);
    return;
  }
  const list = message.get(field);
  for (const item of Array.isArray(value) ? value : []) list.add(item);
}

function isEasy(field: DescField): boolean {
  if (field.fieldKind === "map") return false;
  return field.message === undefined || isInstant(field.message) || !hasCustomJsonRepresentation(field.message);
}

function isLeaf(field: DescField): boolean {
  return field.message === undefined || isInstant(field.message);
}

function isInstant({ typeName }: DescMessage): boolean {
  return typeName === "google.protobuf.Timestamp";
}

function fieldValues(field: DescField, odd: boolean, depth: number): Values {
  const one = valuesOf(field, odd, depth);
  return field.fieldKind === "list" ? fc.array(one, { maxLength: 4 }) : one;
}

function valuesOf(field: DescField, odd: boolean, depth: number): Values {
  if (field.scalar !== undefined) return scalars(field.scalar, odd);
  if (field.enum !== undefined) {
    const numbers = field.enum.values.map(({ number }) => number);
    return fc.constantFrom<unknown[]>(...numbers, 77, -7, ...(odd ? ["COLOUR_RED", 1.5, null] : []));
  }
  const { message } = field;
  const inner = isInstant(message) ? instants(message, odd) : messagesOf(message, { odd, depth: depth - 1 });
  return inner.map((value) => reflect(message, value, false));
}

function instants(desc: DescMessage, odd: boolean): fc.Arbitrary<Message> {
  const seconds = fc.oneof(
    fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
    fc.bigInt({ min: 1_780_000_000n, max: 1_780_000_099n }),
    fc.constantFrom(0n, -1n, -62_135_596_800n, 253_402_300_799n),
    ...(odd ? [fc.constantFrom<unknown[]>(253_402_300_800n, -62_135_596_801n, 2n ** 63n, 5, "5", undefined)] : []),
  );
  const nanos = fc.oneof(
    fc.nat(999_999_999),
    fc.nat(999).map((millis) => millis * 1_000_000),
    fc.nat(999_999).map((micros) => micros * 1000),
    ...(odd ? [fc.constantFrom<unknown[]>(-1, 1_000_000_000, 0.5, -0, Number.NaN, "5", 5n, undefined)] : []),
  );
  return fc.tuple(seconds, nanos).map(([s, n]) => Object.assign(create(desc), { seconds: s, nanos: n }));
}

const texts = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.constantFrom(...['"', "\\", "a\nb", "\u0000", "\u001f", "\u007f", "\u2028", "é", "\ud83d\ude00", "__proto__"]),
  fc.constantFrom("/nix/store/0c6yrqkb0jvnkbnzmqwkxsv8b2hm1fzd-nixos", "2026-06-01T10:00:00Z", "null", "{", ":"),
);
const oddTexts = fc.oneof(texts, fc.constantFrom<unknown[]>("\ud800", "a\udc00b", 5, null, undefined, true));
const oddLongs = fc.constantFrom<unknown[]>(2n ** 70n, true, null);
const oddNumbers = fc.constantFrom<unknown[]>(1.5, -0, Number.NaN, Infinity, -Infinity, 2 ** 53, 1e300, 5n, "5", null);

function scalars(type: ScalarType, odd: boolean): Values {
  const valid = validScalars(type);
  if (!odd) return valid;
  const wrong = type === ScalarType.STRING ? oddTexts : isLong(type) ? oddLongs : oddNumbers;
  return fc.oneof({ weight: 6, arbitrary: valid }, { weight: 1, arbitrary: wrong });
}

function isLong(type: ScalarType): boolean {
  return ScalarType[type].endsWith("64");
}

function validScalars(type: ScalarType): Values {
  switch (type) {
    case ScalarType.STRING:
      return texts;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array().map((bytes) => new Uint8Array(bytes));
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    default:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  }
}

/** What something returns, or the message of the Error that it throws. */
export function outcome<T>(run: () => T): { value: T } | { error: string } {
  try {
    return { value: run() };
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
