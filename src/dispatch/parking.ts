import type { Hostname } from "./hostname.js";
import type { Poll } from "./poll.js";

/** The polls that have not ended, by host, each host's in the order in which they came. */
export class Parking {
  // A Map, not an object: the key comes from a certificate.
  readonly #byHost = new Map<Hostname, Poll[]>();
  #size = 0;

  /** How many polls there are. */
  get size(): number {
    return this.#size;
  }

  get hostCount(): number {
    return this.#byHost.size;
  }

  hosts(): IterableIterator<Hostname> {
    return this.#byHost.keys();
  }

  has(hostname: Hostname): boolean {
    return this.#byHost.has(hostname);
  }

  add(poll: Poll): void {
    const polls = this.#byHost.get(poll.hostname);
    if (polls === undefined) this.#byHost.set(poll.hostname, [poll]);
    else polls.push(poll);
    this.#size += 1;
  }

  remove(poll: Poll): void {
    const polls = this.#byHost.get(poll.hostname);
    const index = polls?.indexOf(poll) ?? -1;
    if (polls === undefined || index < 0) return;
    polls.splice(index, 1);
    if (polls.length === 0) this.#byHost.delete(poll.hostname);
    this.#size -= 1;
  }

  /** How many of one host there are. */
  count(hostname: Hostname): number {
    return this.#byHost.get(hostname)?.length ?? 0;
  }

  /**
   * Those of a host that `isWanted`, newest first, since an older poll of the same host is likely a connection that died
   * unseen. A copy: polls end, and so leave, while a caller goes through it, or while they are asked.
   */
  newestFirst(hostname: Hostname, isWanted: (poll: Poll) => boolean): Poll[] {
    const polls = this.#byHost.get(hostname);
    const wanted: Poll[] = [];
    // From the end: one that leaves as it is asked moves only those that were asked before.
    for (let i = (polls?.length ?? 0) - 1; i >= 0; i--) {
      const poll = polls?.[i];
      if (poll !== undefined && isWanted(poll)) wanted.push(poll);
    }
    return wanted;
  }

  all(): Poll[] {
    return [...this.#byHost.values()].flat();
  }
}
