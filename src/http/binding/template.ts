/** One step of a path template: exactly this text, any one segment, or all that is left (also nothing). */
export type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "any" }
  | { readonly kind: "rest" };

/** A part of the path that fills a field. */
export interface Variable {
  /** Dotted, as written in the template. */
  readonly fieldPath: string;
  /** The segments it takes: from this one … */
  readonly start: number;
  /** … up to this one, not included; `undefined`: up to the end of the path. */
  readonly end: number | undefined;
  /** Whether it can take several segments. Then `%2F` stays as it is, or it could not be told from a `/`. */
  readonly multiple: boolean;
}

/** A path template of `google.api.http`, such as `/v1/{name=shelves/*}/books:import`. */
export interface Template {
  readonly text: string;
  readonly segments: readonly Segment[];
  readonly variables: readonly Variable[];
  /** What follows the last colon; `""` if there is none. */
  readonly verb: string;
}

const verbPattern = /:([^/{}:]+)$/;
const piecePattern = /\/(?:\{([^{}=]*)(?:=([^{}]*))?\}|([^/{}]*))/y;
const fieldPathPattern = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
// The characters of a segment by RFC 3986, without the `*` that has a meaning of its own here.
const literalPattern = /^(?:[-\w.~!$&'()+,;:@=]|%[0-9A-Fa-f]{2})+$/;

/** Parses a template by the grammar in `google/api/http.proto`; throws an Error that says what is wrong with it. */
export function parseTemplate(text: string): Template {
  const verb = verbPattern.exec(text)?.[1] ?? "";
  const path = verb === "" ? text : text.slice(0, -(verb.length + 1));
  const segments: Segment[] = [];
  const variables: Variable[] = [];
  for (const [, fieldPath, pattern = "*", literal] of pieces(path)) {
    const start = segments.length;
    segments.push(...(literal ?? pattern).split("/").map(parseSegment));
    if (fieldPath !== undefined) {
      variables.push(variable(fieldPath, segments, start));
    }
  }
  const rest = segments.findIndex((segment) => segment.kind === "rest");
  if (rest >= 0 && rest < segments.length - 1) {
    throw new Error("`**` must be the last segment");
  }
  return { text, segments, variables, verb };
}

function pieces(path: string): RegExpExecArray[] {
  const found: RegExpExecArray[] = [];
  piecePattern.lastIndex = 0;
  let end = 0;
  while (end < path.length || found.length === 0) {
    const piece = piecePattern.exec(path);
    if (piece === null) {
      throw new Error(`unexpected ${JSON.stringify(path.slice(end))}, expected "/" and a segment`);
    }
    found.push(piece);
    end = piecePattern.lastIndex;
  }
  return found;
}

function parseSegment(text: string): Segment {
  if (text === "*") {
    return { kind: "any" };
  }
  if (text === "**") {
    return { kind: "rest" };
  }
  const decoded = literalPattern.test(text) ? decodeSegment(text) : undefined;
  if (decoded === undefined) {
    throw new Error(`${JSON.stringify(text)} is not a segment`);
  }
  return { kind: "literal", text: decoded };
}

function variable(fieldPath: string, segments: readonly Segment[], start: number): Variable {
  if (!fieldPathPattern.test(fieldPath)) {
    throw new Error(`${JSON.stringify(fieldPath)} is not a field path`);
  }
  const rest = segments.at(-1)?.kind === "rest";
  return {
    fieldPath,
    start,
    end: rest ? undefined : segments.length,
    multiple: rest || segments.length - start > 1,
  };
}

/** A segment of a path without its percent-encoding; `undefined` if that is not percent-encoded UTF-8. */
export function decodeSegment(segment: string): string | undefined {
  if (!segment.includes("%")) {
    return segment;
  }
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The text that a path gives to a variable; `undefined` if it is not percent-encoded UTF-8. */
export function captureText(variable: Variable, segments: readonly string[]): string | undefined {
  const captured = segments.slice(variable.start, variable.end).join("/");
  if (!variable.multiple) {
    return decodeSegment(captured);
  }
  const parts = captured.split(/(%2F)/i).map((part, index) => (index % 2 === 1 ? part : decodeSegment(part)));
  return parts.includes(undefined) ? undefined : parts.join("");
}
