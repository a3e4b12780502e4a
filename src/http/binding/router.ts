import { DispatchError, invalid } from "../../dispatch/errors.js";
import type { Endpoint } from "./endpoint.js";
import type { FieldPath } from "./field-path.js";
import { type Candidate, PathTree } from "./path-tree.js";
import { captureText } from "./template.js";

/** An endpoint, and what the path of a request says for it. */
export interface Route<C> {
  readonly endpoint: Endpoint<C>;
  readonly pathTexts: readonly PathText[];
}

/** The text that a path gives to a field, without percent-encoding. */
export interface PathText {
  readonly field: FieldPath;
  readonly text: string;
}

/**
 * Finds the endpoint for a path and a method: the one with the most specific template, segment by segment from the left
 * (text, then `*`, then `**`), of those that take the method.
 */
export class Router<C> {
  readonly #paths = new PathTree<Endpoint<C>>();
  /** Templates without variables and wildcards, by path and then method: one look-up each, nothing is made per request. */
  readonly #literal = new Map<string, Map<string, Route<C>>>();

  /** Throws an Error if two endpoints cannot be told apart. */
  constructor(endpoints: readonly Endpoint<C>[]) {
    for (const endpoint of endpoints) {
      this.#add(endpoint);
    }
  }

  #add(endpoint: Endpoint<C>): void {
    const { httpMethod, template } = endpoint;
    const methods = this.#paths.methodsOf(template);
    const other = methods.get(httpMethod);
    if (other !== undefined) {
      const both = `${rpcName(endpoint)} and ${rpcName(other)}`;
      throw new Error(`google.api.http: ${both} are both bound to ${httpMethod} ${template.text}`);
    }
    methods.set(httpMethod, endpoint);
    if (template.segments.every((segment) => segment.kind === "literal")) {
      const routes = this.#literal.get(template.text) ?? new Map<string, Route<C>>();
      this.#literal.set(template.text, routes.set(httpMethod, { endpoint, pathTexts: [] }));
    }
  }

  /**
   * Throws `no_such_path`, `method_not_allowed` with the methods that the path takes, sorted, or `invalid_argument` for
   * a bad percent-encoding where a field is.
   */
  find(method: string, path: string): Route<C> {
    return this.literal(method, path) ?? this.#search(method, path);
  }

  /** Of those whose templates are nothing but text. */
  literal(method: string, path: string): Route<C> | undefined {
    return this.#literal.get(path)?.get(method);
  }

  #search(method: string, path: string): Route<C> {
    const candidates = this.#paths.find(path);
    for (const { methods, segments } of candidates) {
      const endpoint = methods.get(method) ?? methods.get("*");
      if (endpoint !== undefined) {
        return { endpoint, pathTexts: pathTexts(endpoint, segments) };
      }
    }
    throw candidates.length === 0
      ? new DispatchError("no_such_path", "no call is served at this path")
      : notAllowed(candidates);
  }
}

function rpcName<C>({ rpc }: Endpoint<C>): string {
  return `${rpc.parent.typeName}.${rpc.name}`;
}

function pathTexts<C>(endpoint: Endpoint<C>, segments: readonly string[]): PathText[] {
  return endpoint.pathFields.map(({ variable, field }) => {
    const text = captureText(variable, segments);
    if (text === undefined || text.includes("\0")) {
      throw invalid(field.name, "must be percent-encoded UTF-8 without NUL");
    }
    return { field, text };
  });
}

function notAllowed<C>(candidates: readonly Candidate<Endpoint<C>>[]): DispatchError {
  const allow = [...new Set(candidates.flatMap(({ methods }) => [...methods.keys()]))].sort();
  return new DispatchError("method_not_allowed", `this path takes only ${allow.join(", ")}`, { allow });
}
