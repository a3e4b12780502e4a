import type { Message } from "@bufbuild/protobuf";
import { decodeBodiless } from "./decode.js";
import type { Endpoint } from "./endpoint.js";
import type { BindingRequest } from "./exchange.js";
import type { Route } from "./router.js";

/** A fleet has one or two ways of asking. What varies more is no poll, and need not be fast. */
const maxQueries = 32;
const maxQueryChars = 64;

/**
 * The messages of requests that have nothing but a query, each made once: the polls of a fleet all say the same, again and again.
 * They are frozen, since many calls share one.
 */
export class BodilessRequests<C> {
  readonly #messages = new Map<Endpoint<C>, Map<string, Message>>();

  /** Throws as `decodeRequest` does. */
  decode(route: Route<C>, request: BindingRequest): Message {
    // What stands in the path is another for each call.
    if (route.pathTexts.length > 0 || request.query.length > maxQueryChars) return decodeBodiless(route, request);
    const known = this.#messages.get(route.endpoint)?.get(request.query);
    return known ?? this.#remember(route.endpoint, request.query, decodeBodiless(route, request));
  }

  #remember(endpoint: Endpoint<C>, query: string, message: Message): Message {
    let ofEndpoint = this.#messages.get(endpoint);
    if (ofEndpoint === undefined || ofEndpoint.size >= maxQueries) {
      ofEndpoint = new Map();
      this.#messages.set(endpoint, ofEndpoint);
    }
    ofEndpoint.set(query, Object.freeze(message));
    return message;
  }
}
