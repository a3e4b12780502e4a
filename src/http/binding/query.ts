import type { DescMessage } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { invalid } from "../../dispatch/errors.js";
import { assignText } from "./assign.js";
import { type FieldPath, findField } from "./field-path.js";

/** The depth at which JSON bodies are refused, too. */
const maxDepth = 100;

/**
 * Sets the fields that a query names, except those that are bound elsewhere. What names no field is ignored.
 * Throws `invalid_argument` for a value that breaks the rule of its field, and for a second value of a field that
 * takes one.
 *
 * @param bound Fields that the path or the body gives, by their names in the schema, with all that they contain.
 */
export function assignQuery(message: ReflectMessage, query: string, bound: ReadonlySet<string>): void {
  if (query === "") {
    return;
  }
  const given = new Set<string>();
  for (const [key, text] of pairsOf(query)) {
    const path = unboundField(message.desc, key, bound);
    if (path !== undefined) {
      refuseSecond(path, given);
      assignText(message, path, text);
    }
  }
}

/** One pair, and nothing in it that stands for something else: most queries are so, and need no parser. */
const plainPair = /^([\w.-]+)=([\w.:-]*)$/;

function pairsOf(query: string): Iterable<readonly [key: string, text: string]> {
  const [, key, text] = plainPair.exec(query) ?? [];
  // A first "?" would be taken off, and a second one belongs to the first key.
  return key === undefined || text === undefined ? new URLSearchParams(`?${query}`) : [[key, text]];
}

function unboundField(message: DescMessage, key: string, bound: ReadonlySet<string>): FieldPath | undefined {
  const path = findField(message, key);
  return path === undefined || bound.has(path.head) || bound.has(path.name) ? undefined : path;
}

function refuseSecond(path: FieldPath, given: Set<string>): void {
  if (path.depth > maxDepth) {
    throw invalid(path.head, `must not be nested deeper than ${maxDepth} levels`);
  }
  if (path.field.fieldKind !== "list" && given.has(path.name)) {
    throw invalid(path.name, "must not be given twice");
  }
  given.add(path.name);
}
