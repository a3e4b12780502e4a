import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { writeInstant } from "./json-instant.js";

/** How the values of one kind are written. */
export interface ValueWriter {
  /**
   * Whether quotes belong around it. They are put into the text that stands between values instead: each string of which
   * another is made costs time, at the latest when it becomes bytes.
   */
  readonly quoted: boolean;
  /** The text of a value, without quotes; `undefined` if it is not what the schema says. */
  write(value: unknown): string | undefined;
}

export const bare = (write: ValueWriter["write"]): ValueWriter => ({ quoted: false, write });
const quoted = (write: ValueWriter["write"]): ValueWriter => ({ quoted: true, write });

export const instantWriter = quoted(writeInstant);

export function listWriter({ quoted, write }: ValueWriter): ValueWriter {
  const [start, between, end] = quoted ? ['["', '","', '"]'] : ["[", ",", "]"];
  return bare((value) => {
    if (!Array.isArray(value)) return undefined;
    const items: readonly unknown[] = value;
    let text = "";
    for (const item of items) {
      const written = write(item);
      if (written === undefined) return undefined;
      text += text === "" ? start : between;
      text += written;
    }
    return text === "" ? "[]" : text + end;
  });
}

/** All but the quote, the backslash, control characters and surrogates: JSON.stringify escapes the lone ones. */
const special = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/** What JSON.stringify makes of a string, without the quotes; that alone would take half as long again. */
function escapeString(text: string): string {
  return special.test(text) ? JSON.stringify(text).slice(1, -1) : text;
}

/** A number that the schema does not know is written without quotes: that is left to protobuf-es. */
export function enumWriter({ value: values }: DescEnum): ValueWriter {
  const names = new Map<unknown, string>(Object.values(values).map(({ number, name }) => [number, name]));
  return quoted((value) => names.get(value));
}

const number = bare((value) => (Number.isFinite(value) ? `${value}` : undefined));
const long = quoted((value) => (typeof value === "bigint" ? `${value}` : undefined));

export const scalarWriters: Readonly<Record<ScalarType, ValueWriter>> = {
  [ScalarType.DOUBLE]: number,
  [ScalarType.FLOAT]: number,
  [ScalarType.INT32]: number,
  [ScalarType.SINT32]: number,
  [ScalarType.SFIXED32]: number,
  [ScalarType.UINT32]: number,
  [ScalarType.FIXED32]: number,
  [ScalarType.INT64]: long,
  [ScalarType.SINT64]: long,
  [ScalarType.SFIXED64]: long,
  [ScalarType.UINT64]: long,
  [ScalarType.FIXED64]: long,
  [ScalarType.BOOL]: bare((value) => (typeof value === "boolean" ? `${value}` : undefined)),
  [ScalarType.STRING]: quoted((value) => (typeof value === "string" ? escapeString(value) : undefined)),
  [ScalarType.BYTES]: quoted((value) => (value instanceof Uint8Array ? base64Encode(value) : undefined)),
};
