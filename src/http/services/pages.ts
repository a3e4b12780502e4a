import { createHash } from "node:crypto";
import type { DispatchKey } from "../../dispatch/dispatch.js";
import { invalid } from "../../dispatch/errors.js";
import { type Hostname, parseHostname } from "../../dispatch/hostname.js";
import { parseRolloutId } from "../../dispatch/rollout.js";

export const maxPageSize = 1_000;
const defaultPageSize = 100;

export interface Page<Position> {
  readonly size: number;
  /** The last item of the page before; `undefined` on the first page. */
  readonly after: Position | undefined;
}

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * Pages by position: a token names the last item of its page, so what is added or removed meanwhile neither shifts nor
 * repeats anything. It also carries what it was filtered by, since a page of another list would be silently wrong.
 */
class Pages<Position> {
  readonly #list: string;
  readonly #write: (last: Position) => readonly string[];
  readonly #read: (parts: readonly string[]) => Position;

  /** `list` tells its tokens from those of other lists. */
  constructor(
    list: string,
    write: (last: Position) => readonly string[],
    read: (parts: readonly string[]) => Position,
  ) {
    this.#list = list;
    this.#write = write;
    this.#read = read;
  }

  /** @throws DispatchError `invalid_argument` */
  parse({ pageSize, pageToken }: PageRequest, filter: object): Page<Position> {
    if (pageSize > maxPageSize) throw invalid("page_size", `must be 1 to ${maxPageSize}, is ${pageSize}`);
    const size = pageSize === 0 ? defaultPageSize : pageSize;
    return { size, after: pageToken === "" ? undefined : this.#position(pageToken, filter) };
  }

  /** The token of the page after these items; empty if there is none. */
  next({ size }: Page<Position>, items: readonly Position[], filter: object): string {
    const last = items.at(-1);
    if (last === undefined || items.length < size) return "";
    return Buffer.from([digest(this.#list, filter), ...this.#write(last)].join(" ")).toString("base64url");
  }

  #position(token: string, filter: object): Position {
    const [filtered, ...parts] = Buffer.from(token, "base64url").toString("utf8").split(" ");
    if (filtered !== digest(this.#list, filter)) {
      throw invalid("page_token", "must be the next_page_token of a page with the same filters");
    }
    return this.#read(parts);
  }
}

export const dispatchPages = new Pages<DispatchKey>(
  "dispatches",
  ({ hostname, rolloutId }) => [hostname, rolloutId],
  ([hostname = "", rolloutId = ""]) => ({
    hostname: parseHostname(hostname, "page_token"),
    rolloutId: parseRolloutId(rolloutId, "page_token"),
  }),
);

export const hostPages = new Pages<{ readonly hostname: Hostname }>(
  "hosts",
  ({ hostname }) => [hostname],
  ([hostname = ""]) => ({ hostname: parseHostname(hostname, "page_token") }),
);

/** Subjects of revocations: machine ids, or operators' Common Names. */
export const subjectPages = new Pages<{ readonly subject: string }>(
  "revocations",
  ({ subject }) => [subject],
  ([subject = ""]) => ({ subject }),
);

export const eventPages = new Pages<{ readonly id: number }>(
  "events",
  ({ id }) => [String(id)],
  ([id = ""]) => {
    if (!/^\d{1,15}$/.test(id)) throw invalid("page_token", "must be the next_page_token of a page");
    return { id: Number(id) };
  },
);

/** The same for the same list with the same filter; undefined entries do not count. */
function digest(list: string, filter: object): string {
  return createHash("sha256")
    .update(`${list} ${JSON.stringify(filter)}`)
    .digest("base64url")
    .slice(0, 8);
}
