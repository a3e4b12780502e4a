import { create, type DescField, type Message, type Registry } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { invalid } from "../../dispatch/errors.js";
import { assignText } from "./assign.js";
import { parseJson, readJsonText, readMessage } from "./body.js";
import type { Endpoint } from "./endpoint.js";
import type { BindingRequest } from "./exchange.js";
import { assignQuery } from "./query.js";
import type { Route } from "./router.js";

export interface DecodeLimits {
  readonly maxBodyBytes: number;
  readonly registry: Registry | undefined;
}

/**
 * The request message of a call: the body first, then the path, which wins over a field of the same name in the body,
 * then the query. Throws `invalid_argument`, `unsupported_media_type`, and whatever `readBody` rejects with.
 */
export async function decodeRequest<C>(
  route: Route<C>,
  request: BindingRequest,
  limits: DecodeLimits,
): Promise<Message> {
  const { body } = route.endpoint;
  if (body.kind === "none") return decodeBodiless(route, request);
  const message = await decodeBody(route.endpoint, request, limits);
  return withTexts(route, message, body.kind === "message" ? "" : request.query);
}

/** The same for an endpoint that takes no body. */
export function decodeBodiless<C>(route: Route<C>, { query }: BindingRequest): Message {
  return withTexts(route, create(route.endpoint.rpc.input), query);
}

function withTexts<C>({ endpoint, pathTexts }: Route<C>, message: Message, query: string): Message {
  const { rpc, bound } = endpoint;
  if (pathTexts.length > 0 || query !== "") {
    // Unchecked, since the codecs give values in range only.
    const target = reflect(rpc.input, message, false);
    for (const { field, text } of pathTexts) {
      assignText(target, field, text);
    }
    assignQuery(target, query, bound);
  }
  return message;
}

async function decodeBody<C>(
  { body, rpc }: Endpoint<C>,
  request: BindingRequest,
  { maxBodyBytes, registry }: DecodeLimits,
): Promise<Message> {
  const text = await readJsonText(request, maxBodyBytes);
  if (text === "") {
    return create(rpc.input);
  }
  const whole = body.kind === "field" ? fieldAsMessage(body.field, text) : text;
  return readMessage(rpc.input, whole, registry, text);
}

/** The JSON of a message that has this field only. */
function fieldAsMessage(field: DescField, text: string): string {
  // It must be JSON by itself, lest it close the object and give other fields.
  const json = parseJson(text);
  if (json === null && field.message?.typeName !== "google.protobuf.Value") {
    throw invalid(field.name, "must not be null");
  }
  return `{${JSON.stringify(field.name)}:${text}}`;
}
