import {
  type DescField,
  type DescMethodUnary,
  type JsonValue,
  type JsonWriteOptions,
  type Message,
  type Registry,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { DispatchError } from "../../dispatch/errors.js";
import type { Endpoint } from "./endpoint.js";
import type { BindingAnswer } from "./exchange.js";

/** Names as in the schema, and every field that does not track its presence, also with its default value. */
export function jsonOptions(registry: Registry | undefined): JsonWriteOptions {
  return { useProtoFieldName: true, alwaysEmitImplicit: true, enumAsInteger: false, registry };
}

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
        ? toJsonString(rpc.output, response, options)
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
    const message = reflect(rpc.output, response);
    return message.isSet(field) ? toJsonString(field.message, message.get(field).message, options) : undefined;
  }
  const whole: JsonValue = toJson(rpc.output, response, options);
  const part = isObject(whole) ? whole[field.name] : undefined;
  return part === undefined ? undefined : JSON.stringify(part);
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
