import { tokenOf } from "../support/dispatches.js";
import { extensionMs, type OnTake, type Operation, type Planned, reason } from "./operations.js";

/** One dispatch, as far as anybody can see it. All times are in milliseconds. */
interface Told extends Planned {
  soakAt: number;
  notBefore: number;
  notAfter: number;
  enqueuedAt: number;
  /** Which enqueue it is of. */
  nth: number;
  state: string;
  since: number;
  attempt: number;
  reason: string | null;
  /** Of the last attempt, if that had a lease with one. */
  token: string | undefined;
  /** When the lease is over by the clock that nobody sets, and by the wall. */
  leaseEnds: number;
  leaseShows: number | null;
}

/** What can be seen, as lines in the order of the alphabet. */
export interface Seen {
  /** host, rollout, closure, soak, not_before, not_after, max_attempts, enqueued_at, state, since, attempt, … */
  readonly rows: readonly string[];
  /** host, rollout, when, what, attempt */
  readonly history: readonly string[];
}

/**
 * The life of a dispatch told once more, from the diagram in the design and not from `life.ts`, as small as can be: a
 * store is right if nobody can tell its answers from these.
 */
export class Model {
  readonly #all = new Map<string, Told>();
  readonly #taken: { readonly told: Told; readonly attempt: number; readonly token: string | undefined }[] = [];
  /** How many of these before the store was opened last. */
  #takenBefore = 0;
  #history: { readonly of: string; readonly at: number; readonly what: string }[] = [];
  #wall: number;
  #steady = 0;
  #settledAt: number;
  #enqueues = 0;
  #tokens = 0;

  constructor(wallMs: number) {
    this.#wall = wallMs;
    this.#settledAt = wallMs;
  }

  /** Everything that the store can be seen to have. */
  seen(): Seen {
    const rows = [...this.#all].map(([name, told]) => {
      const { closure, soakAt, notBefore, notAfter, maxAttempts, enqueuedAt, state, since, attempt } = told;
      const shown = state === "leased" ? [told.leaseShows, told.token ?? null] : [null];
      const window = [notBefore, notAfter].map((at) => (Number.isFinite(at) ? at : null));
      const soakAndWindow = [soakAt, ...window, maxAttempts];
      return [name, closure, ...soakAndWindow, enqueuedAt, state, since, attempt, told.reason, ...shown].join(" ");
    });
    return { rows: rows.sort(), history: this.told().sort() };
  }

  /** Its history, in the order in which things happened. */
  told(): string[] {
    return this.#history.map(({ of, at, what }) => `${of} ${at} ${what}`);
  }

  do(operation: Operation): unknown {
    switch (operation.kind) {
      case "enqueue":
        return operation.dispatches.map((planned) => this.#enqueue(planned, operation.supersede));
      case "take": {
        const due = this.#settle();
        const taken = operation.wants.map(({ host, terms }) => {
          const waiting = [...this.#all.values()].filter((told) => told.host === host && this.#mayGo(told));
          waiting.sort((a, b) => a.enqueuedAt - b.enqueuedAt || a.nth - b.nth);
          return waiting.slice(0, terms.length).map((told, i) => this.#take(told, terms[i]));
        });
        return { taken, due, nextInMs: this.#nextInMs() };
      }
      case "settle":
        return { due: this.#settle(), nextInMs: this.#nextInMs() };
      case "cancel":
        return this.#cancel(this.#all.get(`${operation.host} ${operation.rollout}`));
      case "prune": {
        const before = this.#wall - operation.olderThanMs;
        for (const [name, told] of this.#all) {
          if (told.state !== "pending" && told.state !== "leased" && told.since < before) this.#all.delete(name);
        }
        this.#history = this.#history.filter(({ at }) => at >= before);
        return undefined;
      }
      case "advance":
        this.#steady += operation.ms;
        this.#wall += operation.ms;
        return undefined;
      case "jump":
        this.#wall += operation.ms;
        return { due: this.#settle(), nextInMs: this.#nextInMs() };
      case "reopen":
        this.#settledAt = this.#wall;
        this.#takenBefore = this.#taken.length;
        return undefined;
      default:
        return this.#afterTake(operation);
    }
  }

  #enqueue(planned: Planned, supersede: boolean): unknown {
    const name = `${planned.host} ${planned.rollout}`;
    const old = this.#all.get(name);
    const soakAt = this.#wall + planned.soakInMs;
    this.#enqueues += 1;
    let outcome = "kept";
    if (old !== undefined && this.#isHeld(old) && old.closure === planned.closure) old.soakAt = soakAt;
    else {
      outcome = old?.state === "pending" || old?.state === "leased" ? "replaced" : "created";
      const told: Told = {
        ...planned,
        soakAt,
        notBefore: this.#wall + (planned.notBeforeInMs ?? Number.NEGATIVE_INFINITY),
        notAfter: this.#wall + (planned.notAfterInMs ?? Number.POSITIVE_INFINITY),
        enqueuedAt: this.#wall,
        nth: this.#enqueues,
        state: "",
        since: 0,
        attempt: 0,
        reason: null,
        token: undefined,
        leaseEnds: 0,
        leaseShows: null,
      };
      this.#all.set(name, told);
      this.#becomes(told, "pending", outcome === "created" ? "enqueued" : "replaced");
    }
    const channel = planned.rollout.split("@")[0];
    const older = [...this.#all.values()].filter(
      (told) =>
        supersede &&
        told.state === "pending" &&
        told.host === planned.host &&
        told.rollout !== planned.rollout &&
        told.rollout.split("@")[0] === channel,
    );
    for (const told of older) this.#becomes(told, "superseded");
    return [outcome, older.length];
  }

  #take(told: Told, terms: { kind: string; leaseMs?: number; withinMs?: number } | undefined): unknown {
    told.attempt += 1;
    told.token = undefined;
    const ms = terms?.leaseMs ?? terms?.withinMs;
    if (ms !== undefined) this.#lease(told, ms);
    if (terms?.kind === "lease") {
      this.#tokens += 1;
      told.token = tokenOf(this.#tokens);
    }
    this.#becomes(told, ms === undefined ? "delivered" : "leased");
    const { rollout, closure, soakAt, enqueuedAt, attempt, token, leaseShows } = told;
    this.#taken.push({ told, attempt, token });
    return [rollout, closure, soakAt, enqueuedAt, attempt, ...(token === undefined ? [] : [token, leaseShows])];
  }

  #afterTake({ kind, before, token: which }: OnTake): string {
    const taken = this.#taken.at(-1 - before);
    if (taken === undefined) return "nothing taken yet";
    const isServers = kind === "giveBack" || kind === "confirm";
    if (isServers && this.#taken.indexOf(taken) < this.#takenBefore) return "the server that would say it is gone";
    const { host, rollout } = taken.told;
    const now = this.#all.get(`${host} ${rollout}`);
    const isSame = now === taken.told && now.attempt === taken.attempt;
    if (kind === "giveBack") {
      if (!isSame || (now.state !== "delivered" && now.state !== "leased")) return "nothing";
      return this.#comesBack(now, "returned");
    }
    if (kind === "confirm") {
      if (!isSame || !this.#isHeld(now) || now.token !== undefined) return "nothing";
      return this.#becomes(now, "delivered", "confirmed");
    }
    if (now === undefined) return "unknown_dispatch";
    const isOut = now.state === "delivered" || this.#isHeld(now);
    const foreign = kind === "extend" && taken.token === undefined ? "foreign" : which;
    const token =
      foreign === "own" ? taken.token : foreign === "foreign" || kind === "extend" ? "of nobody" : undefined;
    if (token === undefined ? isOut && now.token !== undefined : now.token !== token) return "attempt_over";
    if (kind === "extend") {
      if (!isOut) return "attempt_over";
      this.#lease(now, extensionMs);
      return this.#noted(now, "extended");
    }
    const end = kind === "acknowledge" ? "acknowledged" : "rejected";
    if (now.state === end) return "nothing";
    if (!isOut) return "attempt_over";
    if (kind === "reject") now.reason = reason;
    return this.#becomes(now, end);
  }

  #cancel(told: Told | undefined): string {
    if (told === undefined) return "unknown_dispatch";
    if (told.state === "cancelled") return "nothing";
    return told.state === "pending" || told.state === "leased" ? this.#becomes(told, "cancelled") : "too_late";
  }

  /** @returns the hosts for which something waits (again) */
  #settle(): string[] {
    const all = [...this.#all.values()];
    const over = all.filter((told) => told.state === "leased" && !this.#isHeld(told));
    const late = all.filter(({ state, notAfter }) => state === "pending" && notAfter <= this.#wall);
    for (const told of late) this.#becomes(told, "expired");
    for (const told of over) this.#comesBack(told, "lease_expired");
    const again = all.filter(
      (told) => over.includes(told) || (told.notBefore > this.#settledAt && told.notBefore <= this.#wall),
    );
    this.#settledAt = this.#wall;
    const hosts = again.filter(({ state }) => state === "pending").map(({ host }) => host);
    return [...new Set(hosts)].sort();
  }

  #nextInMs(): number | undefined {
    const inMs = [...this.#all.values()].flatMap(({ state, leaseEnds, notBefore, notAfter }) => {
      if (state === "leased") return [leaseEnds - this.#steady];
      return state === "pending"
        ? [notBefore - this.#wall, notAfter - this.#wall].filter((ms, i) => i > 0 || ms > 0)
        : [];
    });
    const next = Math.min(...inMs);
    return Number.isFinite(next) ? Math.max(0, next) : undefined;
  }

  #comesBack(told: Told, why: string): string {
    told.token = undefined;
    return told.attempt < told.maxAttempts ? this.#becomes(told, "pending", why) : this.#becomes(told, "dead");
  }

  #mayGo({ state, notBefore, notAfter }: Told): boolean {
    return state === "pending" && notBefore <= this.#wall && this.#wall < notAfter;
  }

  #isHeld({ state, leaseEnds }: Told): boolean {
    return state === "leased" && this.#steady < leaseEnds;
  }

  #lease(told: Told, ms: number): void {
    told.leaseEnds = this.#steady + ms;
    told.leaseShows = this.#wall + ms;
  }

  #becomes(told: Told, state: string, event = state): string {
    told.state = state;
    told.since = this.#wall;
    return this.#noted(told, event);
  }

  #noted({ host, rollout, attempt }: Told, event: string): string {
    this.#history.push({ of: `${host} ${rollout}`, at: this.#wall, what: `${event} ${attempt}` });
    return "done";
  }
}
