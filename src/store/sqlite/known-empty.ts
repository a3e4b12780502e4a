import type { Hostname } from "../../dispatch/hostname.js";

/** A fleet that a server with one file can serve. Beyond it everything is forgotten: what is not known is looked up. */
const maxHosts = 100_000;

/**
 * Hosts that were looked up and have nothing pending. Since the file is this process's alone, nothing can come to wait for one
 * of them unseen, and most polls come from one of them: that of a host which has just had its dispatch, and asks for the next.
 *
 * Wrong in one direction only: of a host that is not here nothing is known.
 */
export class KnownEmpty {
  readonly #hosts = new Set<Hostname>();

  has(hostname: Hostname): boolean {
    return this.#hosts.has(hostname);
  }

  /** A look at what is on disk has found nothing. */
  add(hostname: Hostname): void {
    if (this.#hosts.size >= maxHosts) this.#hosts.clear();
    this.#hosts.add(hostname);
  }

  /** Something is about to wait for it. */
  forget(hostname: Hostname): void {
    this.#hosts.delete(hostname);
  }
}
