import {
  type DescField,
  type DescMessage,
  type DescOneof,
  fromJson,
  type JsonValue,
  type Registry,
} from "@bufbuild/protobuf";
import { excerpt } from "./excerpt.js";
import { fieldTable, messageWithin } from "./field-path.js";
import { valueCodec } from "./field-text.js";
import { scalarCodecs } from "./scalar.js";

type MapField = DescField & { fieldKind: "map" };

/** Why a JSON value does not fit a message. */
export interface JsonFault {
  /** The field in the names of the schema, with list indices and map keys; `""` for the message itself. */
  readonly path: string;
  readonly rule: string;
}

interface Walk {
  readonly registry: Registry | undefined;
  /** How many messages lie around this one, with itself. */
  readonly depth: number;
}

/** Where protobuf-es gives up as well. */
const maxDepth = 100;

/**
 * Finds the first element of a JSON value that does not fit a message. Only for the error path: protobuf-es names the
 * field that it could not read, but not which item of which list it was in. So each element is read once more, alone.
 * `undefined` if each of them fits.
 */
export function findJsonFault(
  message: DescMessage,
  json: JsonValue,
  registry: Registry | undefined,
): JsonFault | undefined {
  return faultInMessage(message, json, "", { registry, depth: 1 });
}

function faultInMessage(message: DescMessage, json: JsonValue, path: string, walk: Walk): JsonFault | undefined {
  if (!isObject(json)) {
    return { path, rule: "must be a JSON object" };
  }
  if (walk.depth > maxDepth) {
    return { path, rule: `must not be nested deeper than ${maxDepth} levels` };
  }
  const members = new Map<DescField | DescOneof, DescField>();
  return firstFault(Object.entries(json), ([key, value]) => {
    const field = fieldTable(message).get(key)?.field;
    if (field === undefined) {
      return fits(message, { [key]: value }, walk) ? undefined : { path, rule: `unknown field ${excerpt(key)}` };
    }
    const at = path === "" ? field.name : `${path}.${field.name}`;
    return repeatedMember(members, field, value, at) ?? faultInField(field, value, at, walk);
  });
}

/** A field that is given by both of its names, or together with another field of its oneof. */
function repeatedMember(
  members: Map<DescField | DescOneof, DescField>,
  field: DescField,
  value: JsonValue,
  path: string,
): JsonFault | undefined {
  if (members.has(field)) {
    return { path, rule: "must not be given twice" };
  }
  members.set(field, field);
  if (field.oneof === undefined || (value === null && field.fieldKind === "scalar")) {
    return undefined;
  }
  const other = members.get(field.oneof);
  members.set(field.oneof, field);
  return other && { path, rule: `cannot be given together with ${other.name}` };
}

function faultInField(field: DescField, value: JsonValue, path: string, walk: Walk): JsonFault | undefined {
  if (value === null) {
    return undefined;
  }
  if (field.fieldKind === "list") {
    return Array.isArray(value)
      ? firstFault(value.entries(), ([index, item]) =>
          faultInItem(field, item, `${path}[${index}]`, (one) => [one], walk),
        )
      : { path, rule: "must be a JSON array" };
  }
  return field.fieldKind === "map"
    ? faultInMap(field, value, path, walk)
    : faultInItem(field, value, path, (one) => one, walk);
}

function faultInMap(field: MapField, value: JsonValue, path: string, walk: Walk): JsonFault | undefined {
  if (!isObject(value)) {
    return { path, rule: "must be a JSON object" };
  }
  const keyCodec = scalarCodecs[field.mapKey];
  const seen = new Set<unknown>();
  return firstFault(Object.entries(value), ([key, item]) => {
    const at = `${path}[${excerpt(key)}]`;
    const parsed = keyCodec.parse(key);
    if (seen.has(parsed)) {
      return { path: at, rule: "the key is given twice" };
    }
    seen.add(parsed);
    const fault = faultInItem(field, item, at, (one) => ({ [key]: one }), walk);
    return fault && parsed === undefined ? { path: at, rule: `the key ${keyCodec.rule}` } : fault;
  });
}

/**
 * @param value One item of a list or map, or the value of a singular field.
 * @param wrap Makes of one value the value of the whole field.
 */
function faultInItem(
  field: DescField,
  value: JsonValue,
  path: string,
  wrap: (one: JsonValue) => JsonValue,
  walk: Walk,
): JsonFault | undefined {
  const within = value === null ? undefined : messageWithin(field);
  const inner = within && faultInMessage(within, value, path, { ...walk, depth: walk.depth + 1 });
  if (inner !== undefined) {
    return inner;
  }
  // What lies within has been read already; reading it again at each level would take depth times as long.
  const outer = within === undefined ? value : {};
  if (fits(field.parent, { [field.name]: wrap(outer) }, walk)) {
    return undefined;
  }
  return { path, rule: value === null ? "must not be null" : ruleOf(field) };
}

function ruleOf(field: DescField): string {
  return valueCodec(field)?.rule ?? `does not fit ${field.message?.typeName ?? "its type"}`;
}

function fits(message: DescMessage, json: JsonValue, walk: Walk): boolean {
  try {
    fromJson(message, json, { registry: walk.registry });
    return true;
  } catch {
    return false;
  }
}

function firstFault<T>(items: Iterable<T>, find: (item: T) => JsonFault | undefined): JsonFault | undefined {
  for (const item of items) {
    const fault = find(item);
    if (fault !== undefined) {
      return fault;
    }
  }
  return undefined;
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
