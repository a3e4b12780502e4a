import type { TakeTerms } from "../../../src/dispatch/lease.js";
import type { Seen } from "../../contract/model.js";
import type { OnTake, Operation } from "../../contract/operations.js";
import { extensionMs } from "../../contract/operations.js";
import type { Cancel, Ending, Enqueue, Entry, Received, Span, Word } from "./history.js";

/** What answers the operations of the contract: the model, or a store. */
export interface Player {
  do(operation: Operation): unknown;
  seen(): Seen | Promise<Seen>;
  told(): string[] | Promise<string[]>;
}

/** A little less than nothing: what comes after something else is later, and no lease is longer for it. */
const instantMs = 0.001;

/** Plays operations one after the other, and writes down what a client would have seen of each. */
export class Played {
  readonly entries: Entry[] = [];
  readonly #player: Player;
  readonly #taken: { readonly received: Received; readonly isLeased: boolean }[] = [];
  #nowMs = 0;

  constructor(player: Player) {
    this.#player = player;
  }

  async play(operation: Operation): Promise<void> {
    const answer = await this.#player.do(operation);
    if (operation.kind === "advance") this.#nowMs += operation.ms;
    else await this.#write(operation, answer);
  }

  /** Fetches and acknowledges whatever there is, as agents do once all is calm. */
  async fetchAll(hosts: readonly string[]): Promise<void> {
    for (let waiting = true; waiting; ) {
      await this.play({ kind: "advance", ms: 5_000 });
      const before = this.#taken.length;
      const terms: TakeTerms[] = [{ kind: "lease", leaseMs: 1_000 }];
      await this.play({ kind: "take", wants: hosts.map((host) => ({ host, terms })) });
      waiting = this.#taken.length > before;
      for (let i = this.#taken.length - before - 1; i >= 0; i -= 1) {
        await this.play({ kind: "acknowledge", before: i, token: "own" });
      }
    }
  }

  async ending(): Promise<Ending> {
    const rows = (await this.#player.seen()).rows.map((line) => {
      const words = line.split(" ");
      const [hostname = "", rolloutId = "", closure = ""] = words;
      return { hostname, rolloutId, closure, state: words[8] ?? "", attempt: Number(words[10]) };
    });
    const events = (await this.#player.told()).map((line) => {
      const [hostname = "", rolloutId = "", , kind = "", attempt] = line.split(" ");
      return { hostname, rolloutId, kind, attempt: Number(attempt) };
    });
    return { rows, events };
  }

  async #write(operation: Operation, answer: unknown): Promise<void> {
    const span = this.#span();
    switch (operation.kind) {
      case "enqueue":
        for (const [i, planned] of operation.dispatches.entries()) {
          const { host: hostname, rollout: rolloutId, closure, maxAttempts } = planned;
          const result = outcomes(answer)[i] ?? "unknown";
          const { supersede } = operation;
          this.entries.push({ kind: "enqueue", hostname, rolloutId, closure, supersede, maxAttempts, ...span, result });
        }
        return;
      case "take":
        for (const [i, want] of operation.wants.entries()) {
          for (const [j, terms] of want.terms.entries())
            this.#writeTake(want.host, terms, span, takenIn(answer)[i]?.[j]);
        }
        return;
      case "cancel": {
        const { host: hostname, rollout: rolloutId } = operation;
        const result = await this.#cancelResult(`${hostname} ${rolloutId}`, answer);
        this.entries.push({ kind: "cancel", hostname, rolloutId, ...span, result });
        return;
      }
      case "acknowledge":
      case "reject":
      case "extend":
        this.#writeWord(operation.kind, operation.before, span, answer);
        return;
      default:
    }
  }

  #writeTake(hostname: string, terms: TakeTerms, span: Span, answer: readonly unknown[] | undefined): void {
    const leaseMs = terms.kind === "lease" ? terms.leaseMs : undefined;
    const take = { kind: "take", hostname, server: "the only one", isConnected: true, leaseMs, ...span } as const;
    if (answer === undefined) {
      this.entries.push({ ...take, result: "empty" });
      return;
    }
    const [rolloutId, closure, , , attempt] = answer;
    const number = leaseMs === undefined ? undefined : Number(attempt);
    const received = { hostname, rolloutId: String(rolloutId), closure: String(closure), attempt: number };
    this.#taken.push({ received, isLeased: leaseMs !== undefined });
    this.entries.push({ ...take, result: received });
  }

  #writeWord(kind: Word["kind"], before: OnTake["before"], span: Span, answer: unknown): void {
    const taken = this.#taken.at(-1 - before);
    // Agents without a lease have nothing to extend.
    if (taken === undefined || (kind === "extend" && !taken.isLeased)) return;
    const result = answer === "done" || answer === "nothing" ? "ok" : "over";
    const length = kind === "extend" ? { leaseMs: extensionMs } : {};
    this.entries.push({ kind, ...taken.received, ...length, ...span, result });
  }

  /** As the canceller says it, which does not look at what was over before anybody had it. */
  async #cancelResult(name: string, answer: unknown): Promise<Cancel["result"]> {
    if (answer === "done") return "cancelled";
    const row = (await this.#player.seen()).rows.find((line) => line.startsWith(`${name} `));
    const state = row?.split(" ")[8] ?? "";
    return ["delivered", "acknowledged", "rejected"].includes(state) ? "too_late" : "absent";
  }

  #span(): Span {
    const fromMs = this.#nowMs + instantMs;
    this.#nowMs = fromMs + instantMs;
    return { fromMs, toMs: this.#nowMs };
  }
}

/** One word for each dispatch. */
function outcomes(answer: unknown): Enqueue["result"][] {
  if (!Array.isArray(answer)) throw new Error(`no answer to an enqueue: ${answer}`);
  return answer.map(([outcome]) => outcome);
}

/** For each want what each taker got. */
function takenIn(answer: unknown): readonly (readonly (readonly unknown[])[])[] {
  if (typeof answer === "object" && answer !== null && "taken" in answer && Array.isArray(answer.taken)) {
    return answer.taken;
  }
  throw new Error(`no answer to a take: ${answer}`);
}
