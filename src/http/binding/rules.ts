import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../../../gen/google/api/http_pb.js";
import type { BodyRule, BoundService, Endpoint, PathField } from "./endpoint.js";
import { findField } from "./field-path.js";
import { parseTemplate, type Template } from "./template.js";

/**
 * The endpoints that the annotations of a service ask for. An RPC without one has none.
 * Throws an Error naming the RPC for an annotation that cannot be served.
 */
export function endpointsOf<C>(service: BoundService<C>): Endpoint<C>[] {
  return service.service.methods
    .filter((rpc) => hasOption(rpc, http))
    .flatMap((rpc) => naming(rpc, () => endpointsOfRpc(service, rpc)));
}

/** Puts the name of the RPC in front of what is wrong with it. */
function naming<T>(rpc: DescMethod, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`google.api.http of ${rpc.parent.typeName}.${rpc.name}: ${problem}`, { cause });
  }
}

function endpointsOfRpc<C>(service: BoundService<C>, rpc: DescMethod): Endpoint<C>[] {
  if (!isUnary(rpc)) {
    throw new Error("only unary RPCs can be bound");
  }
  const rule = getOption(rpc, http);
  if (rule.additionalBindings.some((additional) => additional.additionalBindings.length > 0)) {
    throw new Error("additional_bindings must not be nested");
  }
  return [rule, ...rule.additionalBindings].map((each) => endpoint(service, rpc, each));
}

function isUnary(rpc: DescMethod): rpc is DescMethodUnary {
  return rpc.methodKind === "unary";
}

function endpoint<C>(service: BoundService<C>, rpc: DescMethodUnary, rule: HttpRule): Endpoint<C> {
  const { httpMethod, path } = patternOf(rule);
  const template = templateOf(path);
  const pathFields = pathFieldsOf(template, rpc.input);
  const body = bodyOf(rule, rpc.input, httpMethod);
  const bound = new Set(pathFields.map(({ field }) => field.name));
  if (body.kind === "field") {
    if (bound.has(body.field.name)) {
      throw new Error(`body: ${body.field.name} is bound by the path`);
    }
    bound.add(body.field.name);
  }
  const responseField = rule.responseBody === "" ? undefined : topField(rpc.output, rule.responseBody, "response_body");
  return { rpc, httpMethod, template, pathFields, body, bound, responseField, service };
}

function patternOf(rule: HttpRule): { httpMethod: string; path: string } {
  const { pattern } = rule;
  if (pattern.case === undefined) {
    throw new Error("it has no HTTP method with a path");
  }
  if (pattern.case !== "custom") {
    return { httpMethod: pattern.case.toUpperCase(), path: pattern.value };
  }
  const { kind, path } = pattern.value;
  if (!/^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/.test(kind)) {
    throw new Error(`${JSON.stringify(kind)} is not an HTTP method`);
  }
  return { httpMethod: kind, path };
}

function templateOf(path: string): Template {
  try {
    return parseTemplate(path);
  } catch (cause) {
    throw new Error(`path template ${JSON.stringify(path)}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

function pathFieldsOf(template: Template, input: DescMessage): PathField[] {
  const seen = new Set<string>();
  return template.variables.map((variable) => {
    const field = findField(input, variable.fieldPath);
    if (field === undefined || field.name !== variable.fieldPath) {
      throw new Error(`${input.typeName} has no field ${variable.fieldPath}`);
    }
    if (field.codec === undefined || field.field.fieldKind === "list") {
      throw new Error(`${variable.fieldPath} cannot be in a path, since it is repeated, a map or a message`);
    }
    if (seen.has(field.name)) {
      throw new Error(`${variable.fieldPath} is in the path twice`);
    }
    seen.add(field.name);
    return { variable, field };
  });
}

function bodyOf(rule: HttpRule, input: DescMessage, httpMethod: string): BodyRule {
  if (rule.body === "") {
    return { kind: "none" };
  }
  if (httpMethod === "GET" || httpMethod === "HEAD") {
    throw new Error(`a ${httpMethod} has no body`);
  }
  return rule.body === "*" ? { kind: "message" } : { kind: "field", field: topField(input, rule.body, "body") };
}

function topField(message: DescMessage, name: string, option: string): DescField {
  const field = message.fields.find((each) => each.name === name);
  if (field === undefined) {
    throw new Error(`${option}: ${message.typeName} has no field ${name}`);
  }
  return field;
}
