import { execFileSync, spawnSync } from "node:child_process";
import { afterAll } from "vitest";

/** A network of its own for an agent, joined to the machine's by one link that can go down. */
export class NetworkNamespace {
  /** The machine's address on the link, by which the agent reaches the server. */
  readonly serverAddress: string;
  /** What to put in front of a command line, so that it runs there. */
  readonly prefix: readonly string[];
  readonly #name: string;
  readonly #inner: string;

  private constructor(id: number) {
    this.#name = `nixfleet-test-${id}`;
    this.#inner = `nft${id}b`;
    const outer = `nft${id}a`;
    // Of the network that RFC 2544 keeps for tests: nothing else routes there.
    const subnet = `198.18.${id % 256}`;
    this.serverAddress = `${subnet}.1`;
    this.prefix = ["ip", "netns", "exec", this.#name];
    ip("netns", "add", this.#name);
    namespaces.add(this);
    ip("link", "add", outer, "type", "veth", "peer", "name", this.#inner, "netns", this.#name);
    ip("addr", "add", `${this.serverAddress}/24`, "dev", outer);
    ip("link", "set", outer, "up");
    this.#inside("addr", "add", `${subnet}.2/24`, "dev", this.#inner);
    this.#inside("link", "set", this.#inner, "up");
  }

  static create(): NetworkNamespace {
    return new NetworkNamespace(process.pid % 100_000);
  }

  /** Whoever is in there has gone, as far as the rest of the world can tell: no byte comes through, and no goodbye. */
  cutLink(): void {
    this.#inside("link", "set", this.#inner, "down");
  }

  mendLink(): void {
    this.#inside("link", "set", this.#inner, "up");
  }

  /** The link goes with it. */
  remove(): void {
    namespaces.delete(this);
    ip("netns", "del", this.#name);
  }

  #inside(...args: readonly string[]): void {
    ip("-n", this.#name, ...args);
  }
}

/** Why there can be none here; `undefined` if there can. */
export function whyNoNamespace(): string | undefined {
  const { status, error, stderr } = spawnSync("ip", ["netns", "add", "nixfleet-test-probe"], { encoding: "utf8" });
  if (error !== undefined) return `ip cannot be run: ${error.message}`;
  if (status !== 0) return stderr.trim();
  ip("netns", "del", "nixfleet-test-probe");
  return undefined;
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

const namespaces = new Set<NetworkNamespace>();

afterAll(() => {
  for (const namespace of namespaces) namespace.remove();
});
