import type { DispatchRow, NewDispatch, Taken } from "../../src/dispatch/dispatch.js";
import { instantFromMs, instantToMs } from "../../src/dispatch/instant.js";
import type { LeaseToken } from "../../src/dispatch/lease.js";
import type { Step } from "../../src/dispatch/life.js";
import { group, host, newDispatch, origin, taker, tokenOf } from "../support/dispatches.js";
import { key } from "./driver.js";
import type { Seen } from "./model.js";
import { extensionMs, type OnTake, type Operation, type Planned, reason } from "./operations.js";
import type { OpenStore } from "./stores.js";

const foreign: LeaseToken = tokenOf(999_999);

/** A store, asked in the words of the model and answering in them. */
export class Subject {
  /** What it has seen in the histories, over all operations. */
  readonly kinds = new Set<string>();
  readonly #taken: Taken[] = [];
  /** What the model calls a token that was given out: a store may make more of them than it gives out. */
  readonly #names = new Map<LeaseToken, LeaseToken>();
  /** How many of these before the store was opened last. */
  #takenBefore = 0;
  #opened: OpenStore;

  constructor(opened: OpenStore) {
    this.#opened = opened;
  }

  async seen(): Promise<Seen> {
    const rows = await this.#opened.store.list({}, undefined, 1_000);
    return { rows: rows.map((row) => this.#wordsOf(row)).sort(), history: (await this.told()).sort() };
  }

  /** Its history, in the order in which things happened. */
  async told(): Promise<string[]> {
    const events = await this.#opened.store.listEvents({}, 0, 10_000);
    for (const { kind } of events) this.kinds.add(kind);
    return events.map(
      ({ hostname, rolloutId, at, kind, attempt }) => `${hostname} ${rolloutId} ${instantToMs(at)} ${kind} ${attempt}`,
    );
  }

  async do(operation: Operation): Promise<unknown> {
    const { store, clock } = this.#opened;
    switch (operation.kind) {
      case "enqueue": {
        const dispatches = operation.dispatches.map((planned) => this.#dispatchFrom(planned));
        const [receipt] = await store.enqueue([{ ...group(...dispatches), supersede: operation.supersede }]);
        return receipt?.results.map(({ outcome, superseded }) => [outcome, superseded]);
      }
      case "take": {
        const wants = operation.wants.map((each) => ({
          hostname: host(each.host),
          takers: each.terms.map((terms) => taker(terms)),
        }));
        const { taken, due } = await store.take(wants);
        this.#taken.push(...taken.flat());
        return {
          taken: taken.map((each) => each.map((one) => this.#answerOf(one))),
          due: [...due.hostnames].sort(),
          nextInMs: due.nextInMs,
        };
      }
      case "settle":
        return this.#settle();
      case "cancel":
        return this.#apply({
          kind: "cancel",
          ...key(operation.host, operation.rollout),
          origin: origin(),
          reason: "",
        });
      case "prune":
        await store.prune(instantFromMs(clock.nowMs() - operation.olderThanMs), 1_000);
        return undefined;
      case "advance":
        clock.advance(operation.ms);
        return undefined;
      case "jump":
        clock.setWall(clock.nowMs() + operation.ms);
        return this.#settle();
      case "reopen":
        this.#opened = (await this.#opened.reopened?.()) ?? this.#opened;
        this.#takenBefore = this.#taken.length;
        return undefined;
      default:
        return this.#afterTake(operation);
    }
  }

  close(): Promise<void> {
    return this.#opened.close();
  }

  async #settle(): Promise<unknown> {
    const { hostnames, nextInMs } = await this.#opened.store.settleDue(1_000);
    return { due: [...hostnames].sort(), nextInMs };
  }

  async #afterTake({ kind, before, token: which }: OnTake): Promise<unknown> {
    const taken = this.#taken.at(-1 - before);
    if (taken === undefined) return "nothing taken yet";
    const isServers = kind === "giveBack" || kind === "confirm";
    if (isServers && this.#taken.indexOf(taken) < this.#takenBefore) return "the server that would say it is gone";
    const { hostname, rolloutId } = taken.take;
    const token = { own: taken.lease?.token, foreign, none: undefined }[which];
    const said = { hostname, rolloutId, token, origin: origin("agent") };
    switch (kind) {
      case "giveBack":
        return this.#apply({ kind, take: taken.take });
      case "confirm":
        return this.#apply({ kind, take: taken.take, origin: said.origin, proof: "" });
      case "acknowledge":
        return this.#apply({ kind, ...said });
      case "reject":
        return this.#apply({ kind, ...said, reason });
      case "extend":
        return this.#apply({ kind, ...said, token: token ?? foreign, leaseMs: extensionMs });
      default:
        return kind satisfies never;
    }
  }

  async #apply(step: Step): Promise<string | undefined> {
    const [result] = await this.#opened.store.apply([step]);
    if (result?.ok !== true) return result?.error.reason;
    return result.change === undefined ? "nothing" : "done";
  }

  #answerOf({ dispatch, take, lease }: Taken): unknown {
    const { rolloutId, targetClosure, soakDueAt, enqueuedAt } = dispatch;
    const times = [soakDueAt, enqueuedAt].map(instantToMs);
    const held = lease === undefined ? [] : [this.#nameOf(lease.token), instantToMs(lease.expiresAt)];
    return [rolloutId, closureName(targetClosure), ...times, take.attempt, ...held];
  }

  #wordsOf(row: DispatchRow): string {
    const { hostname, rolloutId, targetClosure, state, attempt, leaseToken } = row;
    const ms = (instant: DispatchRow["notBefore"]) => (instant === null ? null : instantToMs(instant));
    const times = [row.soakDueAt, row.notBefore, row.notAfter].map(ms);
    const shown =
      state === "leased" ? [ms(row.leaseExpiresAt), leaseToken && this.#nameOf(leaseToken)] : [ms(row.leaseExpiresAt)];
    const life = [row.maxAttempts, ms(row.enqueuedAt), state, ms(row.changedAt), attempt, row.reason];
    return [hostname, rolloutId, closureName(targetClosure), ...times, ...life, ...shown].join(" ");
  }

  #nameOf(token: LeaseToken): LeaseToken {
    const name = this.#names.get(token) ?? tokenOf(this.#names.size + 1);
    this.#names.set(token, name);
    return name;
  }

  #dispatchFrom({ host, rollout, closure, soakInMs, notBeforeInMs, notAfterInMs, maxAttempts }: Planned): NewDispatch {
    const at = (inMs: number) => instantFromMs(this.#opened.clock.nowMs() + inMs);
    return newDispatch(host, rollout, closure, {
      soakDueAt: at(soakInMs),
      notBefore: notBeforeInMs === null ? null : at(notBeforeInMs),
      notAfter: notAfterInMs === null ? null : at(notAfterInMs),
      maxAttempts,
    });
  }
}

const closureName = (path: string) => path.replace("/nix/store/", "");
