import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { codecOf } from "./field-text.js";
import type { TextCodec } from "./scalar.js";

export type MessageField = DescField & { fieldKind: "message" };

/** A field of a message, or of a message within it. */
export interface FieldPath {
  /** Dotted, in the names of the schema. */
  readonly name: string;
  /** The first of these names. */
  readonly head: string;
  /** The message fields on the way to it, outermost first. */
  readonly parents: readonly MessageField[];
  /** How many names there are. */
  readonly depth: number;
  readonly field: DescField;
  /** How it is given as text; `undefined` if it cannot be, since it is a map or a message or lies in a repeated one. */
  readonly codec: TextCodec | undefined;
}

/** The fields of a message by their names in the schema and in JSON. */
export type FieldTable = ReadonlyMap<string, FieldPath>;

// Filled on first use: a message can contain itself.
const tables = new WeakMap<DescMessage, FieldTable>();

export function fieldTable(message: DescMessage): FieldTable {
  const known = tables.get(message);
  if (known !== undefined) {
    return known;
  }
  const table = new Map<string, FieldPath>();
  for (const field of message.fields) {
    const path = { name: field.name, head: field.name, parents: [], depth: 1, field, codec: codecOf(field) };
    table.set(field.jsonName, path).set(field.name, path);
  }
  tables.set(message, table);
  return table;
}

/** The message whose fields a field (or an item of it) has; `undefined` if its JSON form shows none. */
export function messageWithin(field: DescField): DescMessage | undefined {
  return field.message === undefined || hasCustomJsonRepresentation(field.message) ? undefined : field.message;
}

/** Finds a field by a dotted path of names in the schema or in JSON, in any mixture; `undefined` if there is none. */
export function findField(message: DescMessage, dotted: string): FieldPath | undefined {
  const direct = fieldTable(message).get(dotted);
  return direct === undefined && dotted.includes(".") ? findNested(message, dotted.split(".")) : direct;
}

function findNested(message: DescMessage, names: readonly string[]): FieldPath | undefined {
  const steps: DescField[] = [];
  let within: DescMessage | undefined = message;
  for (const name of names) {
    const step: DescField | undefined = within && fieldTable(within).get(name)?.field;
    if (step === undefined) {
      return undefined;
    }
    steps.push(step);
    within = step.fieldKind === "map" ? undefined : messageWithin(step);
  }
  const field = steps.pop();
  return field && nestedPath(steps, field);
}

function nestedPath(steps: readonly DescField[], field: DescField): FieldPath {
  const parents = steps.filter((step): step is MessageField => step.fieldKind === "message");
  return {
    name: [...steps, field].map((step) => step.name).join("."),
    head: (steps[0] ?? field).name,
    parents,
    depth: steps.length + 1,
    field,
    codec: parents.length === steps.length ? codecOf(field) : undefined,
  };
}
