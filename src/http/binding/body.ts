import { type DescMessage, fromJsonString, type JsonValue, type Message, type Registry } from "@bufbuild/protobuf";
import { DispatchError, invalid } from "../../dispatch/errors.js";
import type { BindingRequest } from "./exchange.js";
import { findJsonFault } from "./json-fault.js";
import { readJson } from "./json-reader.js";
import { findSyntaxFault, type SyntaxFault } from "./json-syntax.js";

/**
 * The text of a JSON body, `""` if the body is empty.
 * Throws `unsupported_media_type` for another media type, or for none if there is a body, and `invalid_argument` for
 * bytes that are not UTF-8.
 */
export async function readJsonText(request: BindingRequest, maxBytes: number): Promise<string> {
  if (request.contentType !== undefined && !isJson(request.contentType)) {
    throw notJson();
  }
  const bytes = await request.readBody(maxBytes);
  if (bytes.length === 0) {
    return "";
  }
  if (request.contentType === undefined) {
    throw notJson();
  }
  return decodeUtf8(bytes);
}

/**
 * Reads JSON text as a message.
 * Throws `invalid_argument` with line and column, or with the path of the field that does not fit.
 *
 * @param sent The part of the text that the caller sent, in which lines and columns are counted.
 */
export function readMessage(
  message: DescMessage,
  text: string,
  registry: Registry | undefined,
  sent: string = text,
): Message {
  const plain = readJson(message, text);
  if (plain !== undefined) {
    return plain;
  }
  try {
    // Rather than JSON.parse with fromJson: it refuses a key that is given twice, as the other wires do.
    return fromJsonString(message, text, { registry });
  } catch (cause) {
    const syntax = findSyntaxFault(sent);
    if (syntax !== undefined) {
      throw badSyntax(sent, syntax, cause);
    }
    const fault = findJsonFault(message, parseJson(text), registry) ?? { path: "", rule: wholeRule(message) };
    throw invalid(fault.path || "body", fault.rule, cause);
  }
}

/** What remains if each element fits alone: a `google.protobuf.Value` within messages can nest too deeply that way. */
function wholeRule(message: DescMessage): string {
  return `must be the JSON form of ${message.typeName}, nested no deeper than 100 levels`;
}

/** Parses JSON text. Throws `invalid_argument` with line and column. */
export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badSyntax(text, findSyntaxFault(text) ?? { offset: 0, problem: "not JSON" }, cause);
  }
}

function badSyntax(text: string, { offset, problem }: SyntaxFault, cause: unknown): DispatchError {
  const lines = text.slice(0, offset).split("\n");
  const column = (lines.at(-1) ?? "").length + 1;
  return invalid("body", `must be JSON; line ${lines.length}, column ${column}: ${problem}`, cause);
}

function notJson(): DispatchError {
  return new DispatchError("unsupported_media_type", "the request body must be application/json in UTF-8");
}

function isJson(contentType: string): boolean {
  if (contentType === "application/json") {
    return true;
  }
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  return type.trim() === "application/json" && parameters.every(isHarmless);
}

/** Any parameter but a charset other than UTF-8. */
function isHarmless(parameter: string): boolean {
  const [name = "", value = ""] = parameter.split("=");
  return name.trim() !== "charset" || /^\s*"?utf-?8"?\s*$/.test(value);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw invalid("body", `must be UTF-8, which ends at byte ${utf8Length(bytes)}`, cause);
  }
}

/** How many bytes at the start are UTF-8, found by halving; they may end within a character. */
function utf8Length(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (startsAsUtf8(bytes.subarray(0, middle))) {
      good = middle;
    } else {
      bad = middle;
    }
  }
  return good;
}

function startsAsUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
