import { randomBytes } from "node:crypto";

/** Tells the ids of this process from those of other servers, and of this one before its restart: 72 bits at random. */
const ofThisProcess = randomBytes(9).toString("base64url");

let count = 0;

interface RequestHeaders {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * A client's own id is taken over if it is plain enough for a log line, so that its log and ours can be laid together. Ours is
 * short, and counted: a random one for each request is 3 % of a poll that finds nothing.
 */
export function requestIdOf({ headers }: RequestHeaders): string {
  const given = headers["x-request-id"];
  if (typeof given === "string" && /^[\w.:-]{1,64}$/.test(given)) return given;
  count += 1;
  return `${ofThisProcess}-${count}`;
}
