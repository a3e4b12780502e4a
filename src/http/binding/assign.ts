import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { invalid } from "../../dispatch/errors.js";
import type { FieldPath, MessageField } from "./field-path.js";

/**
 * Sets a field from its text, or appends to it if it is repeated; makes the messages on the way.
 * Throws `invalid_argument` if the text breaks the field's rule or another field of its oneof is set.
 */
export function assignText(message: ReflectMessage, path: FieldPath, text: string): void {
  const { codec, field, name } = path;
  if (codec === undefined) {
    throw invalid(name, `cannot be given outside a request body, since it is ${whyNoText(path)}`);
  }
  const value = codec.parse(text);
  const container = path.parents.reduce((within, parent) => step(within, parent, name), message);
  if (field.fieldKind === "list") {
    const list = container.get(field);
    if (value === undefined) {
      throw invalid(`${name}[${list.size}]`, codec.rule);
    }
    list.add(value);
    return;
  }
  if (value === undefined) {
    throw invalid(name, codec.rule);
  }
  refuseOtherOfOneof(container, field, name);
  container.set(field, value);
}

function whyNoText({ field, parents, depth }: FieldPath): string {
  if (parents.length + 1 < depth) {
    return "within a list";
  }
  if (field.fieldKind === "map") {
    return "a map";
  }
  return field.fieldKind === "list" ? "a list of messages" : "a message";
}

function step(within: ReflectMessage, parent: MessageField, name: string): ReflectMessage {
  refuseOtherOfOneof(within, parent, name);
  const inner = within.get(parent);
  within.set(parent, inner);
  return inner;
}

function refuseOtherOfOneof(container: ReflectMessage, field: FieldPath["field"], name: string): void {
  const chosen = field.oneof && container.oneofCase(field.oneof);
  if (chosen !== undefined && chosen !== field) {
    throw invalid(name, `cannot be given together with ${chosen.name}`);
  }
}
