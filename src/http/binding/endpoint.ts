import type { DescField, DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import type { FieldPath } from "./field-path.js";
import type { Template, Variable } from "./template.js";

/**
 * A service with its implementation.
 *
 * @typeParam C What the implementation needs to know of a call besides its message, such as who calls.
 */
export interface BoundService<C> {
  readonly service: DescService;
  invoke(method: DescMethodUnary, request: Message, call: C): PromiseLike<Message>;
}

/** Which part of the request message the HTTP body is. */
export type BodyRule =
  | { readonly kind: "none" }
  | { readonly kind: "message" }
  | { readonly kind: "field"; readonly field: DescField };

/** One HTTP method at one path template, and the RPC that is called there: one HttpRule, checked and resolved. */
export interface Endpoint<C> {
  readonly rpc: DescMethodUnary;
  /** `*` stands for every method that is not bound at the same path by itself. */
  readonly httpMethod: string;
  readonly template: Template;
  readonly pathFields: readonly PathField[];
  readonly body: BodyRule;
  /** The names of the fields that path and body give; the query gives all others, unless the body is the message. */
  readonly bound: ReadonlySet<string>;
  /** The field that is answered; `undefined`: the whole message. */
  readonly responseField: DescField | undefined;
  readonly service: BoundService<C>;
}

/** A variable of the path, with the field that it fills. */
export interface PathField {
  readonly variable: Variable;
  readonly field: FieldPath;
}
