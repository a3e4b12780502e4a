import { excerpt } from "./excerpt.js";

export interface SyntaxFault {
  /** Where, in UTF-16 units from the start of the text. */
  readonly offset: number;
  /** What was expected there, or what is wrong. */
  readonly problem: string;
}

type Expected =
  | "a value"
  | 'a value or "]"'
  | "a key"
  | 'a key or "}"'
  | '":"'
  | '"," or "]"'
  | '"," or "}"'
  | "the end";

/** What is open: an object, as the keys that it has so far, or an array. */
type Open = Set<string> | "array";

interface Token {
  /**
   * A punctuation mark as it is, `"` for a string, `0` for a number, true, false or null, `""` for the end of the text,
   * `broken` for a string that starts well, `?` for anything else.
   */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the place where a text stops being JSON, or gives a key of an object for a second time; `undefined` if it never
 * does. Only for the error path: JSON.parse tells the place in some of its messages only, in words that vary with the
 * version of Node. Without recursion, since the text may be nested to any depth.
 */
export function findSyntaxFault(text: string): SyntaxFault | undefined {
  const open: Open[] = [];
  let expected: Expected = "a value";
  let token = readToken(text, 0);
  while (token.kind !== "") {
    const next = advance(expected, token.kind, open);
    if (next === undefined) {
      return { offset: token.start, problem: token.kind === "broken" ? "broken string" : `expected ${expected}` };
    }
    const repeated = next === '":"' ? repeatedKey(text.slice(token.start, token.end), open.at(-1)) : undefined;
    if (repeated !== undefined) {
      return { offset: token.start, problem: `the key ${excerpt(repeated)} is given twice` };
    }
    expected = next;
    token = readToken(text, token.end);
  }
  return expected === "the end" ? undefined : { offset: text.length, problem: `it ends, expected ${expected}` };
}

/** What may follow a token of this kind; `undefined` if the token was not expected. */
function advance(expected: Expected, kind: string, open: Open[]): Expected | undefined {
  switch (kind) {
    case "{":
      return isValue(expected) ? opened(open, new Set(), 'a key or "}"') : undefined;
    case "[":
      return isValue(expected) ? opened(open, "array", 'a value or "]"') : undefined;
    case "}":
    case "]":
      return expected.endsWith(`"${kind}"`) ? closed(open) : undefined;
    case ",":
      return expected.startsWith('","') ? (open.at(-1) === "array" ? "a value" : "a key") : undefined;
    case ":":
      return expected === '":"' ? "a value" : undefined;
    case '"':
      return expected.startsWith("a key") ? '":"' : isValue(expected) ? afterValue(open) : undefined;
    case "0":
      return isValue(expected) ? afterValue(open) : undefined;
    default:
      return undefined;
  }
}

function isValue(expected: Expected): boolean {
  return expected.startsWith("a value");
}

function opened(open: Open[], container: Open, next: Expected): Expected {
  open.push(container);
  return next;
}

function closed(open: Open[]): Expected {
  open.pop();
  return afterValue(open);
}

function afterValue(open: readonly Open[]): Expected {
  const container = open.at(-1);
  return container === undefined ? "the end" : container === "array" ? '"," or "]"' : '"," or "}"';
}

function repeatedKey(quoted: string, container: Open | undefined): string | undefined {
  const key: unknown = JSON.parse(quoted);
  if (!(container instanceof Set) || typeof key !== "string") {
    return undefined;
  }
  const repeated = container.has(key);
  container.add(key);
  return repeated ? key : undefined;
}

const blanks = /[ \t\n\r]*/y;
const scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

function readToken(text: string, offset: number): Token {
  const start = offset + matchLength(blanks, text, offset);
  const first = text.charAt(start);
  if (first === '"') {
    return readString(text, start);
  }
  if ("{}[],:".includes(first)) {
    // Also the end of the text, which is "".
    return { kind: first, start, end: start + 1 };
  }
  const length = matchLength(scalar, text, start);
  return { kind: length > 0 ? "0" : "?", start, end: start + length };
}

// All but control characters, the quote and the backslash.
const plain = /[ !#-[\]-\uffff]{1,4096}/y;
const escaped = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;

/** A string, or the place where it breaks. */
function readString(text: string, start: number): Token {
  let end = start + 1;
  while (text.charAt(end) !== '"') {
    const length = matchLength(plain, text, end) || matchLength(escaped, text, end);
    if (length === 0) {
      return { kind: "broken", start: end, end };
    }
    end += length;
  }
  return { kind: '"', start, end: end + 1 };
}

function matchLength(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0].length ?? 0;
}
