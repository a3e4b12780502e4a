import { limits } from "../limits.js";

/** What comes before the body. */
class Head<Method extends "GET" | "POST"> {
  constructor(
    readonly method: Method,
    readonly url: string,
    /** By their names in lower case. */
    readonly headers: Readonly<Record<string, string | undefined>>,
    /** As it came, to the empty line. */
    readonly head: string,
  ) {}
}

/**
 * A request in the plainest form: a GET that is nothing but its head, or a POST with its body. A GET is made once for all the requests
 * of a connection that say the same, as those of an agent do: it must not be changed.
 */
export class DirectRequest extends Head<"GET" | "POST"> {
  constructor(
    { method, url, headers, head }: Head<"GET" | "POST">,
    readonly body: Uint8Array,
  ) {
    super(method, url, headers, head);
  }
}

/** A POST of which a part of the body is still to come. */
export class BegunPost extends Head<"POST"> {
  constructor(
    { method, url, headers, head }: Head<"POST">,
    readonly missingBytes: number,
  ) {
    super(method, url, headers, head);
  }
}

/**
 * The request line, and then lines of a name, a colon and a value, all of them of the characters that RFC 9110 and 3986 have for
 * them. Not among them, although RFC 9112 lets a server take them: lines that are folded, bytes above ASCII, a bare line feed.
 */
const shape =
  /^(GET|POST) (\/[\w\-.~:/?@!$&'()*+,;=%[\]]*) HTTP\/1\.1\r\n((?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e]*\r\n)+)\r\n$/;

/** What makes more of a request than its head, or of its connection than one that goes on. */
const furtherReaching: ReadonlySet<string> = new Set([
  "expect",
  "proxy-connection",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const letterP = 0x50;

/**
 * The text of the head in what has come, `undefined` if that is larger than a head may be. A GET ends with its head, and is not searched
 * for where that ends: it is all that has come.
 */
export function headOf(piece: Buffer): string | undefined {
  const bytes = piece[0] === letterP ? piece.indexOf("\r\n\r\n") + 4 : piece.length;
  return bytes > limits.maxHeaderBytes ? undefined : piece.toString("latin1", 0, bytes);
}

/** That of every GET: an empty part of what has come would keep the whole of it. */
const noBody = new Uint8Array();

/**
 * @param body what has come behind the head
 * @returns `undefined` for whatever is not surely one such request, or the beginning of one, and no more than that
 */
export function readDirectRequest(head: string, body: Uint8Array): DirectRequest | BegunPost | undefined {
  const [, method, url, lines] = shape.exec(head) ?? [];
  if (url === undefined || lines === undefined) return undefined;
  const headers = readHeaders(lines);
  // HTTP/1.1 wants one, and exactly one.
  if (headers?.host === undefined) return undefined;
  const length = headers["content-length"];
  if (method === "POST") return readPost(new Head(method, url, headers, head), length, body);
  return length === undefined && body.length === 0
    ? new DirectRequest(new Head("GET", url, headers, head), noBody)
    : undefined;
}

function readPost(
  head: Head<"POST">,
  length: string | undefined,
  body: Uint8Array,
): DirectRequest | BegunPost | undefined {
  // A plain number, as short as it can be.
  if (length !== String(Number(length))) return undefined;
  const missing = Number(length) - body.length;
  if (missing > 0) return new BegunPost(head, missing);
  return missing === 0 ? new DirectRequest(head, body) : undefined;
}

function readHeaders(lines: string): Record<string, string | undefined> | undefined {
  const headers: Record<string, string | undefined> = {};
  for (let start = 0; start < lines.length; ) {
    const colon = lines.indexOf(":", start);
    const end = lines.indexOf("\r\n", colon);
    const name = lines.slice(start, colon).toLowerCase();
    const given = lines.slice(colon + 1, end);
    const value = given.trim();
    // Node takes no tab beside a length. What is given twice is for it to join, or to refuse.
    if (name === "content-length" && !/^ ?\d+$/.test(given)) return undefined;
    if (!isPlain(name, value) || Object.hasOwn(headers, name)) return undefined;
    headers[name] = value;
    start = end + 2;
  }
  return headers;
}

function isPlain(name: string, value: string): boolean {
  if (name === "connection") return value.toLowerCase() === "keep-alive";
  return !furtherReaching.has(name) && name !== "__proto__";
}
