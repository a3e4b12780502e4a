import type { IncomingHttpHeaders } from "node:http";

/** What of a request decides whether it may pass. */
export interface Asking {
  readonly method: string;
  readonly headers: Pick<IncomingHttpHeaders, "host" | "origin" | "sec-fetch-site" | "sec-fetch-mode">;
}

/** Why a request is refused before anybody looks at its cookie. */
export interface Refusal {
  readonly status: 403 | 405;
  readonly message: string;
}

/**
 * Whether a request comes from a page of this relay, or from somebody who types its address. A page of another site can make
 * a browser send requests here too: under a name of its own that it lets point to this machine (the Host header tells), or
 * from its own origin (the Origin and Sec-Fetch-Site headers tell).
 *
 * @param hosts what may stand in `Host`
 */
export function refusalOf({ method, headers }: Asking, hosts: ReadonlySet<string>): Refusal | undefined {
  const { host = "", origin } = headers;
  if (!hosts.has(host)) return { status: 403, message: "This address is not served under that name." };
  if (method === "POST") {
    const isOwn = origin === `http://${host}` && isSameOrigin(headers["sec-fetch-site"]);
    return isOwn ? undefined : { status: 403, message: "Only the page itself may call this." };
  }
  if (method !== "GET" && method !== "HEAD") return { status: 405, message: "Only GET, HEAD and POST are served." };
  // Another site may link here, but not load what is here.
  if (isSameOrigin(headers["sec-fetch-site"]) || headers["sec-fetch-mode"] === "navigate") return undefined;
  return { status: 403, message: "Other sites may not load this." };
}

/** `none`: somebody typed the address. Browsers that do not send it leave the decision to `Origin` and the cookie. */
function isSameOrigin(site: string | string[] | undefined): boolean {
  return site === undefined || site === "same-origin" || site === "none";
}
