import { decodeSegment, type Segment, type Template } from "./template.js";

/** A template that a path matches: what is bound there by HTTP method, and the segments of the path without a verb. */
export interface Candidate<T> {
  readonly methods: ReadonlyMap<string, T>;
  readonly segments: readonly string[];
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  any: Node<T> | undefined;
  /** What is bound where the template ends here … */
  readonly here: Map<string, T>;
  /** … and where it goes on with `**`. */
  readonly rest: Map<string, T>;
}

// A path as RFC 3986 allows it, roughly: nothing but visible ASCII.
const visible = /^\/[!-~]*$/;

/** Path templates as a tree of their segments, one for each verb. Each node is visited at most once in a search. */
export class PathTree<T> {
  readonly #roots = new Map<string, Node<T>>();

  /** What is bound to a template, by HTTP method, to be added to. Templates that match the same paths share it. */
  methodsOf(template: Template): Map<string, T> {
    let node = this.#roots.get(template.verb) ?? emptyNode<T>();
    this.#roots.set(template.verb, node);
    for (const segment of template.segments) {
      if (segment.kind === "rest") {
        return node.rest;
      }
      node = child(node, segment);
    }
    return node.here;
  }

  /** The templates that a path matches, the most specific first. None for a path with an empty segment. */
  find(path: string): Candidate<T>[] {
    if (!visible.test(path)) {
      return [];
    }
    const segments = path === "/" ? [] : path.slice(1).split("/");
    const last = segments.at(-1) ?? "";
    const colon = last.lastIndexOf(":");
    const withVerb =
      colon < 0 ? [] : this.#matches(last.slice(colon + 1), [...segments.slice(0, -1), last.slice(0, colon)]);
    return [...withVerb, ...this.#matches("", segments)];
  }

  #matches(verb: string, segments: readonly string[]): Candidate<T>[] {
    const root = this.#roots.get(verb);
    if (root === undefined || segments.includes("")) {
      return [];
    }
    const found: Map<string, T>[] = [];
    collect(root, segments.map(decodeSegment), 0, found);
    return found.filter((methods) => methods.size > 0).map((methods) => ({ methods, segments }));
  }
}

function emptyNode<T>(): Node<T> {
  return { literals: new Map(), any: undefined, here: new Map(), rest: new Map() };
}

function child<T>(node: Node<T>, segment: Exclude<Segment, { kind: "rest" }>): Node<T> {
  if (segment.kind === "any") {
    node.any ??= emptyNode();
    return node.any;
  }
  const next = node.literals.get(segment.text) ?? emptyNode<T>();
  node.literals.set(segment.text, next);
  return next;
}

/** @param texts The segments, decoded; `undefined` for one with a bad percent-encoding, which equals no literal. */
function collect<T>(
  node: Node<T> | undefined,
  texts: readonly (string | undefined)[],
  depth: number,
  found: Map<string, T>[],
): void {
  if (node === undefined) {
    return;
  }
  if (depth === texts.length) {
    found.push(node.here, node.rest);
    return;
  }
  const text = texts[depth];
  collect(text === undefined ? undefined : node.literals.get(text), texts, depth + 1, found);
  collect(node.any, texts, depth + 1, found);
  found.push(node.rest);
}
