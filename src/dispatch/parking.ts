import type { Hostname } from "./hostname.js";
import type { Poll } from "./poll.js";

/** The list of every host that has no poll just now. Nothing is ever put into it. */
const none: Poll[] = [];

/**
 * The polls that have not ended, by host, each host's in the order in which they came.
 *
 * A host stays in the Map when its last poll has ended: most poll again at once. A Map from which every entry goes again is
 * made anew by V8 all the time, larger or smaller, and each table that it leaves behind holds what it held and leads to the next one.
 * Once one of them is old, every poll behind it is kept, with its request and answer, and copied, until the old are collected:
 * 3 KB for each take of a drain, and a sixth of its CPU (`docs/decisions/nothing-hangs-on-the-old.md`).
 */
export class Parking {
  // A Map, not an object: the key comes from a certificate.
  readonly #byHost = new Map<Hostname, Poll[]>();
  #size = 0;
  #hostCount = 0;

  /** How many polls there are. */
  get size(): number {
    return this.#size;
  }

  /** Of how many hosts. */
  get hostCount(): number {
    return this.#hostCount;
  }

  /** Those that have polls. */
  *hosts(): Generator<Hostname, undefined> {
    for (const [hostname, polls] of this.#byHost) if (polls !== none) yield hostname;
  }

  has(hostname: Hostname): boolean {
    return this.count(hostname) > 0;
  }

  add(poll: Poll): void {
    const polls = this.#byHost.get(poll.hostname) ?? none;
    this.#size += 1;
    if (polls !== none) {
      polls.push(poll);
      return;
    }
    // A new one: a list that has become empty makes room for seventeen when something is put into it.
    this.#byHost.set(poll.hostname, [poll]);
    this.#hostCount += 1;
  }

  remove(poll: Poll): void {
    const polls = this.#byHost.get(poll.hostname) ?? none;
    const index = polls.indexOf(poll);
    if (index < 0) return;
    this.#size -= 1;
    if (polls.length > 1) {
      polls.splice(index, 1);
      return;
    }
    this.#byHost.set(poll.hostname, none);
    this.#hostCount -= 1;
  }

  /** Drops the hosts that have no poll; to be called once in a while. */
  forgetIdle(): void {
    for (const [hostname, polls] of this.#byHost) if (polls === none) this.#byHost.delete(hostname);
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
