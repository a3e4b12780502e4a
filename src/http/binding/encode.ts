import {
  type DescField,
  type DescMessage,
  type DescMethodUnary,
  type JsonValue,
  type JsonWriteOptions,
  type Message,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { DispatchError } from "../../dispatch/errors.js";
import type { Endpoint } from "./endpoint.js";
import type { BindingAnswer } from "./exchange.js";
import type { MessageField } from "./field-path.js";
import { isOfType, isPlain } from "./json-fields.js";
import { jsonWriter } from "./json-writer.js";

/**
 * The answer for a response message: all of it, or the field that the annotation names; 204 if that field is unset.
 * Throws `internal` for a message that has no JSON form.
 */
export function encodeResponse<C>(
  { rpc, responseField }: Endpoint<C>,
  response: Message,
  options: JsonWriteOptions,
): BindingAnswer {
  try {
    const body =
      responseField === undefined
        ? messageText(rpc.output, response, options)
        : encodeField(rpc, responseField, response, options);
    return body === undefined ? { status: 204 } : { status: 200, body };
  } catch (cause) {
    throw DispatchError.from(cause);
  }
}

function encodeField(
  rpc: DescMethodUnary,
  field: DescField,
  response: Message,
  options: JsonWriteOptions,
): string | undefined {
  if (field.fieldKind === "message") {
    const part = messageIn(rpc.output, field, response);
    return part && messageText(field.message, part, options);
  }
  const whole: JsonValue = toJson(rpc.output, response, options);
  const part = isObject(whole) ? whole[field.name] : undefined;
  return part === undefined ? undefined : JSON.stringify(part);
}

/** The message that a field holds; `undefined` if it is unset. */
function messageIn(desc: DescMessage, field: MessageField, message: Message): Message | undefined {
  // Reflection would be noticed in each answer to an agent, and in each that there is nothing.
  if (isPlain(desc) && field.oneof === undefined && isOfType(message, desc)) {
    const value = message[field.localName];
    if (value === undefined || isOfType(value, field.message)) return value;
  }
  const reflected = reflect(desc, message);
  return reflected.isSet(field) ? reflected.get(field).message : undefined;
}

/** With a registry a message may have fields that its descriptor does not know: protobuf-es finds them. */
function messageText(desc: DescMessage, message: Message, options: JsonWriteOptions): string {
  return options.registry === undefined ? jsonWriter(desc)(message) : toJsonString(desc, message, options);
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
