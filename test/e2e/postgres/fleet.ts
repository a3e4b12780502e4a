import { setMaxListeners } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf } from "../support/history.js";
import type { WireTaken } from "../support/lease.js";
import type { TestPki } from "../support/pki.js";

/** What an agent has read whole. */
export interface Receipt {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly atMs: number;
}

export interface FleetOptions {
  /** Where everybody connects: the load balancer. */
  readonly door: { readonly port: number };
  readonly pki: TestPki;
  readonly hosts: readonly string[];
  readonly waitSeconds: number;
  /** Asks for leases of this length and acknowledges; else plain polls. */
  readonly leaseSeconds?: number;
}

/** After an error. Agents in the field wait five seconds; a test has less. */
const errorPauseMs = 200;

/** Agents that poll again and again as those in the field do, and a planner that repeats what was not answered well. */
export class Fleet {
  readonly receipts: Receipt[] = [];
  readonly #options: FleetOptions;
  readonly #stop = new AbortController();
  #longestPollMs = 0;
  #errors = 0;
  #agents: Promise<void>[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  get longestPollMs(): number {
    return this.#longestPollMs;
  }

  /** Calls that failed, with an answer or without. */
  get errors(): number {
    return this.#errors;
  }

  async start(): Promise<void> {
    const { pki, hosts, door } = this.#options;
    setMaxListeners(0, this.#stop.signal);
    const identities = await Promise.all(hosts.map((host) => pki.agent(host)));
    this.#agents = hosts.map((_, i) => this.#run(new HttpClient(door, pki, identities[i], { keepAlive: true })));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#agents);
  }

  /** Asks until it is taken, as planners do. */
  async enqueue(hostname: string, rolloutId: string): Promise<void> {
    const { door, pki } = this.#options;
    const operator = new HttpClient(door, pki, pki.operator);
    for (;;) {
      const reply = await operator.enqueue(wireDispatch(hostname, { rollout_id: rolloutId })).catch(() => undefined);
      if (reply?.status === 200) return;
      this.#errors += 1;
      await pause(errorPauseMs);
    }
  }

  /** One rollout after the other, each for all hosts, for so long. @returns their ids */
  async plan(forMs: number): Promise<string[]> {
    const endMs = performance.now() + forMs;
    const rollouts: string[] = [];
    while (performance.now() < endMs) {
      const rolloutId = `stable@${(rollouts.length + 1).toString(16)}`;
      rollouts.push(rolloutId);
      await Promise.all(this.#options.hosts.map((host) => this.enqueue(host, rolloutId)));
    }
    return rollouts;
  }

  async #run(client: HttpClient): Promise<void> {
    const { waitSeconds, leaseSeconds } = this.#options;
    const query = `?wait=${waitSeconds}${leaseSeconds === undefined ? "" : `&lease_seconds=${leaseSeconds}`}`;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const startedMs = performance.now();
      const reply = await client.poll(query, { signal }).catch(() => undefined);
      if (!signal.aborted) this.#longestPollMs = Math.max(this.#longestPollMs, performance.now() - startedMs);
      if (reply?.status === 200) await this.#received(client, JSON.parse(reply.body));
      else if (reply?.status !== 204 && !signal.aborted) {
        this.#errors += 1;
        await pause(errorPauseMs);
      }
    }
    client.close();
  }

  async #received(client: HttpClient, taken: WireTaken): Promise<void> {
    this.receipts.push({ hostname: taken.hostname, rolloutId: taken.rollout_id, atMs: performance.now() });
    if (taken.lease === undefined) return;
    const said = { rollout_id: taken.rollout_id, lease_token: taken.lease.token };
    // A lease that has run out meanwhile is somebody else's; everything else is worth another try.
    for (let tries = 0; tries < 50; tries += 1) {
      const reply = await client.post("/v1/agent/dispatch/ack", said).catch(() => undefined);
      if (reply?.status === 200 || reply?.status === 400) return;
      await pause(errorPauseMs);
    }
  }
}

/** What the server's history and the agents' receipts say of one dispatch together. */
export interface Account {
  readonly state: string;
  /** Hand-outs that were not taken back. */
  readonly handedOut: number;
  readonly received: number;
  readonly kinds: readonly string[];
}

export async function accountOf(
  operator: HttpClient,
  { receipts }: Fleet,
  hostname: string,
  rolloutId: string,
): Promise<Account> {
  const { state, events } = await historyOf(operator, hostname, rolloutId);
  const count = (...kinds: string[]) => events.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    state,
    handedOut: count("delivered", "leased") - count("returned"),
    received: receipts.filter((receipt) => receipt.hostname === hostname && receipt.rolloutId === rolloutId).length,
    kinds: events.map(({ kind }) => kind),
  };
}

/** Once per dispatch that is yet to be fetched. */
export async function untilAllFetched(
  operator: HttpClient,
  fleet: Fleet,
  {
    hosts,
    rollouts,
    state,
  }: { readonly hosts: readonly string[]; readonly rollouts: readonly string[]; readonly state: string },
): Promise<Map<string, Account>> {
  const accounts = new Map<string, Account>();
  for (const rolloutId of rollouts) {
    for (const host of hosts) {
      let account = await accountOf(operator, fleet, host, rolloutId);
      while (account.state !== state || account.received === 0) {
        await pause(100);
        account = await accountOf(operator, fleet, host, rolloutId);
      }
      accounts.set(`${host} ${rolloutId}`, account);
    }
  }
  return accounts;
}
