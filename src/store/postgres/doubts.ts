import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Step } from "../../dispatch/life.js";
import type { Database, Session } from "./database.js";

/** A batch of takes whose answer got lost: it may have been committed, or may be yet. */
interface Doubt {
  readonly takeId: number;
  readonly hostnames: readonly Hostname[];
  /** The process of the database that was asked. */
  readonly backend: number | undefined;
}

/** While the database is away for long. Each is a few polls of one turn, and they go on being refused meanwhile. */
const maxDoubts = 1_000;

/**
 * Takes that nobody knows whether they happened. What they took reached no poll, so it is given back once the database can be
 * asked: then nothing is lost, whatever the terms of the take were.
 */
export class Doubts {
  readonly #database: Database;
  readonly #applicationName: string;
  #open: Doubt[] = [];

  constructor(database: Database, applicationName: string) {
    this.#database = database;
    this.#applicationName = applicationName;
  }

  add(doubt: Doubt): void {
    this.#open.push(doubt);
    if (this.#open.length > maxDoubts) this.#open.shift();
  }

  get size(): number {
    return this.#open.length;
  }

  /** @param giveBack puts back what was found; a doubt is over once that has succeeded */
  async resolve(giveBack: (steps: readonly Step[]) => Promise<void>): Promise<void> {
    for (const doubt of this.#open) {
      await this.#end(doubt);
      const steps = await this.#taken(doubt);
      if (steps.length > 0) await giveBack(steps);
      this.#open = this.#open.filter((other) => other !== doubt);
    }
  }

  /** A database that stood still goes on where it stood: the take could be committed after it was looked for. */
  async #end({ backend }: Doubt): Promise<void> {
    if (backend === undefined) return;
    const values = [backend, this.#applicationName];
    await this.#database.query({ name: "end-backend", text: endText, values });
  }

  async #taken({ takeId, hostnames }: Doubt): Promise<Step[]> {
    const rows = await this.#database.query<TakenRow>({
      name: "taken-by",
      text: takenText,
      values: [hostnames, takeId],
    });
    return rows.map(({ hostname, rollout_id: rolloutId, sequence, attempt }) => ({
      kind: "giveBack",
      take: { hostname, rolloutId, sequence, attempt },
    }));
  }
}

interface TakenRow extends Pick<DispatchRow, "hostname" | "sequence" | "attempt"> {
  readonly rollout_id: DispatchRow["rolloutId"];
}

/** Waits until it is gone. Only one of our own can be meant: numbers of processes are used again. */
const endText = `
SELECT pg_terminate_backend(pid, 3000) FROM pg_stat_activity
WHERE pid = $1 AND application_name = $2 AND pid <> pg_backend_pid()`;

const takenText = `
SELECT d.hostname, d.rollout_id, d.sequence, d.attempt
FROM unnest($1::text[]) AS w (hostname) JOIN dispatches AS d USING (hostname)
WHERE d.take_id = $2 AND d.state IN ('delivered', 'leased')`;

/** pg knows it of every connection, and its types do not. */
export function backendOf(session: Session): number | undefined {
  return "processID" in session && typeof session.processID === "number" ? session.processID : undefined;
}
