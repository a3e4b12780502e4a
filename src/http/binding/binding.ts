import type { JsonWriteOptions, Message, Registry } from "@bufbuild/protobuf";
import { BodilessRequests } from "./bodiless.js";
import { decodeRequest } from "./decode.js";
import { encodeResponse } from "./encode.js";
import type { BoundService, Endpoint } from "./endpoint.js";
import type { BindingAnswer, BindingRequest } from "./exchange.js";
import { jsonOptions } from "./json-writer.js";
import { type Route, Router } from "./router.js";
import { endpointsOf } from "./rules.js";

export type { BoundService } from "./endpoint.js";
export type { BindingAnswer, BindingRequest } from "./exchange.js";
export type { Route } from "./router.js";

export interface BindingOptions {
  /** The largest request body that is read. */
  readonly maxBodyBytes: number;
  /** Needed only for messages with a `google.protobuf.Any` or with extensions. */
  readonly registry?: Registry;
}

/** Plain JSON over HTTP, for the RPCs that have a `google.api.http` annotation. */
export interface Binding<C> {
  /**
   * Finds what is called at a percent-encoded path without query.
   * Throws `no_such_path`, `method_not_allowed` (HEAD too, unless it is bound by itself: a GET may have side effects),
   * and `invalid_argument` for a bad percent-encoding where a field is.
   */
  route(method: string, path: string): Route<C>;

  /** Whether a call is bound to exactly this path, percent-encoded, which has no fields. */
  isLiteral(method: string, path: string): boolean;

  /**
   * Decodes the request, calls the service and encodes its answer.
   * Throws `invalid_argument` naming the field and the rule, `unsupported_media_type`, whatever the request's `readBody`
   * rejects with, such as `body_too_large`, and whatever the service does; or rejects with these.
   */
  handle(route: Route<C>, request: BindingRequest, call: C): PromiseLike<BindingAnswer>;
}

/**
 * Binds services as their annotations say. An RPC without an annotation is left out.
 * Throws an Error that names the RPC for an annotation that cannot be served, and for two that are the same.
 */
export function createBinding<C>(services: readonly BoundService<C>[], options: BindingOptions): Binding<C> {
  const router = new Router(services.flatMap(endpointsOf));
  const limits = { maxBodyBytes: options.maxBodyBytes, registry: options.registry };
  const bodiless = new BodilessRequests<C>();
  const encoderOf = oncePerEndpoint<C>(jsonOptions(options.registry));
  const invoke = (endpoint: Endpoint<C>, message: Message, call: C) =>
    endpoint.service.invoke(endpoint.rpc, message, call).then(encoderOf(endpoint));
  return {
    route: (method, path) => router.find(method, path),
    isLiteral: (method, path) => router.literal(method, path) !== undefined,
    // Without `await`: what an async function keeps while it waits would be kept for each host of a fleet.
    handle(route, request, call) {
      const { endpoint } = route;
      // Most requests have no body, and need not wait for one.
      if (endpoint.body.kind === "none") return invoke(endpoint, bodiless.decode(route, request), call);
      return decodeRequest(route, request, limits).then((message) => invoke(endpoint, message, call));
    },
  };
}

/** A function for each endpoint rather than for each call. */
function oncePerEndpoint<C>(
  options: JsonWriteOptions,
): (endpoint: Endpoint<C>) => (response: Message) => BindingAnswer {
  const encoders = new Map<Endpoint<C>, (response: Message) => BindingAnswer>();
  return (endpoint) => {
    let encoder = encoders.get(endpoint);
    if (encoder === undefined) {
      encoder = (response) => encodeResponse(endpoint, response, options);
      encoders.set(endpoint, encoder);
    }
    return encoder;
  };
}
