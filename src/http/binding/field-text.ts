import { type DescEnum, type DescField, type DescMessage, fromJson, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { isWrapperDesc, type WktWrapperDesc } from "@bufbuild/protobuf/wkt";
import { scalarCodecs, type TextCodec } from "./scalar.js";

/**
 * How a field, or one item of a repeated field, is written as text. `undefined` for a map and for a message other than
 * the well-known types whose JSON form is a string.
 */
export function codecOf(field: DescField): TextCodec | undefined {
  return field.fieldKind === "map" ? undefined : valueCodec(field);
}

/** Like `codecOf`, but for a map it is about the values in it. */
export function valueCodec(field: DescField): TextCodec | undefined {
  if (field.scalar !== undefined) {
    return scalarCodecs[field.scalar];
  }
  return field.enum === undefined ? messageCodec(field.message) : enumCodec(field.enum);
}

const maxListedNames = 8;

function enumCodec(desc: DescEnum): TextCodec {
  const numbers = new Map(desc.values.map((value) => [value.name, value.number]));
  const names = [...numbers.keys()];
  const listed = names.length > maxListedNames ? `a value of ${desc.typeName}` : `one of ${names.join(", ")}`;
  return {
    rule: `must be ${listed}, by name or number`,
    parse: (text) => numbers.get(text) ?? enumNumber(desc, text),
  };
}

function enumNumber(desc: DescEnum, text: string): unknown {
  const number = scalarCodecs[ScalarType.INT32].parse(text);
  const known = desc.open || desc.values.some((value) => value.number === number);
  return known ? number : undefined;
}

function messageCodec(desc: DescMessage): TextCodec | undefined {
  if (isWrapperDesc(desc)) {
    return wrapperCodec(desc, scalarCodecs[desc.fields[0].scalar]);
  }
  const form = stringForms.get(desc.typeName);
  return (
    form && { rule: form.rule, parse: (text) => (form.strict?.test(text) === false ? undefined : readJson(desc, text)) }
  );
}

function wrapperCodec(desc: WktWrapperDesc, inner: TextCodec): TextCodec {
  return {
    rule: inner.rule,
    parse(text) {
      const value = inner.parse(text);
      if (value === undefined) {
        return undefined;
      }
      const wrapper = reflect(desc);
      wrapper.set(desc.fields[0], value);
      return wrapper;
    },
  };
}

interface StringForm {
  readonly rule: string;
  /** What a text must match besides, where protobuf-es takes too much. */
  readonly strict?: RegExp;
}

/** The well-known types whose JSON form is a string, apart from the wrappers. */
const stringForms: ReadonlyMap<string, StringForm> = new Map<string, StringForm>([
  [
    "google.protobuf.Timestamp",
    { rule: "must be an RFC 3339 instant such as 2026-05-16T01:30:00Z, from year 1 to year 9999" },
  ],
  [
    "google.protobuf.Duration",
    // protobuf-es takes anything after the "s".
    { rule: "must be a duration in seconds such as 90s or 1.5s", strict: /^-?[0-9]+(?:\.[0-9]{1,9})?s$/ },
  ],
  ["google.protobuf.FieldMask", { rule: "must be lowerCamelCase field paths, separated by commas" }],
]);

function readJson(desc: DescMessage, text: string): unknown {
  try {
    return reflect(desc, fromJson(desc, text));
  } catch {
    return undefined;
  }
}
