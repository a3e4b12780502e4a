/**
 * A GET in the plainest form, of which there is nothing to read but its head. Made once for all the requests of a connection
 * that say the same, as those of an agent do: it must not be changed.
 */
export class DirectRequest {
  constructor(
    /** The head as it came, to the empty line. */
    readonly text: string,
    readonly url: string,
    /** By their names in lower case. */
    readonly headers: Readonly<Record<string, string | undefined>>,
  ) {}

  get method(): "GET" {
    return "GET";
  }
}

/**
 * The request line, and then lines of a name, a colon and a value, all of them of the characters that RFC 9110 and 3986 have for
 * them. Not among them, although RFC 9112 lets a server take them: lines that are folded, bytes above ASCII, a bare line feed.
 */
const shape = /^GET (\/[\w\-.~:/?@!$&'()*+,;=%[\]]*) HTTP\/1\.1\r\n((?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e]*\r\n)+)\r\n$/;

/** What makes more of a request than its head, or of its connection than one that goes on. */
const furtherReaching: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "proxy-connection",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** @returns `undefined` for whatever is not surely the whole head of one such request, and no more than that */
export function readDirectRequest(text: string): DirectRequest | undefined {
  const [, url, lines] = shape.exec(text) ?? [];
  if (url === undefined || lines === undefined) return undefined;
  const headers = readHeaders(lines);
  // HTTP/1.1 wants one, and exactly one.
  return headers?.host === undefined ? undefined : new DirectRequest(text, url, headers);
}

function readHeaders(lines: string): Record<string, string | undefined> | undefined {
  const headers: Record<string, string | undefined> = {};
  for (let start = 0; start < lines.length; ) {
    const colon = lines.indexOf(":", start);
    const end = lines.indexOf("\r\n", colon);
    const name = lines.slice(start, colon).toLowerCase();
    const value = lines.slice(colon + 1, end).trim();
    // What is given twice is for Node to join, or to refuse.
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
