import type { AgentPolls } from "./agent-polls.js";
import type { Hostname } from "./hostname.js";
import { type Instant, instantFromMs } from "./instant.js";
import type { Neighbours, ParkedHost } from "./neighbours.js";
import type { Cancel, Clock, Log } from "./ports.js";

export interface ParkedNotesOptions {
  readonly neighbours: Pick<Neighbours, "tellParked">;
  readonly polls: Pick<AgentPolls, "parkedHosts">;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the others know is so old at most, and a moment. */
const tellEveryMs = 2_000;

/** Hosts in one telling: a few milliseconds of the database. */
const maxHostsPerTelling = 2_000;

interface Told {
  readonly polls: number;
  readonly since: Instant;
}

/**
 * Tells the other servers which hosts are parked here. Only what has changed is told: a host that polls again and again costs
 * nothing, so the fleet's size does not show in the database's writes.
 */
export class ParkedNotes {
  readonly #options: ParkedNotesOptions;
  readonly #told = new Map<Hostname, Told>();
  #cancel: Cancel;
  #telling: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ParkedNotesOptions) {
    this.#options = options;
    this.#cancel = this.#later();
  }

  /** The others may have lost what they were told: everything is told again. */
  forget(): void {
    this.#told.clear();
  }

  /** Resolves once nothing is being told; nothing follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#telling;
  }

  #later(): Cancel {
    return this.#options.clock.after(tellEveryMs, () => {
      this.#telling = this.#tell().finally(() => {
        if (!this.#stopped) this.#cancel = this.#later();
      });
    });
  }

  async #tell(): Promise<void> {
    const { neighbours, log } = this.#options;
    const now = this.#options.polls.parkedHosts();
    const parked = this.#changed(now);
    const gone = [...this.#told.keys()].filter((hostname) => !now.has(hostname));
    try {
      for (let i = 0; i < Math.max(parked.length, gone.length); i += maxHostsPerTelling) {
        const part = { parked: parked.slice(i, i + maxHostsPerTelling), gone: gone.slice(i, i + maxHostsPerTelling) };
        await neighbours.tellParked(part);
        for (const { hostname, polls, since } of part.parked) this.#told.set(hostname, { polls, since });
        for (const hostname of part.gone) this.#told.delete(hostname);
      }
    } catch (error) {
      log.debug({ err: error }, "the other servers were not told who is parked here; it is tried again");
    }
  }

  #changed(now: ReadonlyMap<Hostname, number>): ParkedHost[] {
    const since = instantFromMs(this.#options.clock.nowMs());
    return [...now].flatMap(([hostname, polls]) => {
      const told = this.#told.get(hostname);
      if (told?.polls === polls) return [];
      return [{ hostname, polls, since: told?.since ?? since }];
    });
  }
}
