import type { Attempt, Connection } from "../../../src/agent/connection.js";
import type { Taken } from "../../../src/agent/dispatch.js";
import { AgentError } from "../../../src/agent/errors.js";
import { plainConnect } from "../../../src/agent/plain-connection.js";
import { rpcConnect } from "../../../src/agent/rpc-connection.js";
import type { Received, Span, Word } from "../checker/history.js";
import { failureOf, type Identity, type ServerUrl } from "./clients.js";
import { pause, type Stage } from "./stage.js";

export interface AgentHabits {
  readonly hostname: string;
  readonly identity: Identity;
  /** As agents in the field do it, or over the generated client. */
  readonly wire: "GET on HTTP/1.1" | "Connect on HTTP/2";
  /** `undefined`: without a lease. */
  readonly leaseSeconds: number | undefined;
  /** How likely it is that it goes away in the middle of a poll. */
  readonly vanishes: number;
}

/** How an answer that never comes ends, beyond the wait. */
const timeoutMs = 15_000;

/** A real agent's connection, whose user writes down what it sees, and behaves badly until it is time to be calm. */
export class DrivenAgent {
  readonly #stage: Stage;
  readonly #habits: AgentHabits;
  /** Words that are on their way while the next poll is. */
  readonly #words = new Set<Promise<void>>();
  #open: { readonly connection: Connection; readonly server: ServerUrl; readonly waitSeconds: number } | undefined;
  /** Whether that has brought an answer. */
  #isConnected = false;

  constructor(stage: Stage, habits: AgentHabits) {
    this.#stage = stage;
    this.#habits = habits;
  }

  /** Resolves when the end has come and nothing is under way any more. */
  async run(): Promise<void> {
    while (!this.#stage.end.aborted) await this.#poll();
    await Promise.all(this.#words);
    this.#open?.connection.close();
  }

  async #poll(): Promise<void> {
    const { recorder, dice, calm, end } = this.#stage;
    const { hostname, leaseSeconds, vanishes } = this.#habits;
    const { connection, server, waitSeconds } = this.#connected();
    const vanishing = !calm.aborted && dice.chance(vanishes) ? this.#vanishLater(connection, waitSeconds) : undefined;
    const fromMs = recorder.now();
    const taken = await connection.take(AbortSignal.timeout(waitSeconds * 1_000 + timeoutMs)).catch(failureOf);
    const toMs = recorder.now();
    clearTimeout(vanishing);
    const result = typeof taken === "object" ? receivedFrom(taken) : (taken ?? "empty");
    const leaseMs = leaseSeconds === undefined ? undefined : leaseSeconds * 1_000;
    recorder.add({ kind: "take", hostname, server, isConnected: this.#isConnected, leaseMs, fromMs, toMs, result });
    this.#isConnected = true;
    if (typeof taken === "object") await this.#handle(taken);
    if (typeof taken === "string") {
      this.#isConnected = false;
      // Not each time: a context of TLS is dear, and a server that is down refuses many times a second.
      if (taken === "unknown" || dice.chance(0.3)) this.#reconnect();
      await pause(dice.between(20, 150), end);
    }
  }

  /** One connection for all calls, until one fails. The wait is the connection's. */
  #connected() {
    if (this.#open !== undefined) return this.#open;
    const { dice, servers, calm } = this.#stage;
    const { hostname, identity, wire, leaseSeconds } = this.#habits;
    const { caPem, issued } = identity;
    const connect = wire === "GET on HTTP/1.1" ? plainConnect : rpcConnect("2");
    const server = dice.pick(servers);
    const waitSeconds = calm.aborted ? 1 : dice.whole(2, 4);
    const connection = connect(
      { ca: caPem, cert: issued.certPem, key: issued.keyPem },
      { server: new URL(server), waitSeconds, hostname, leaseSeconds, now: Date.now },
    );
    this.#open = { connection, server, waitSeconds };
    return this.#open;
  }

  #reconnect(): void {
    this.#open?.connection.close();
    this.#open = undefined;
    this.#isConnected = false;
  }

  #vanishLater(connection: Connection, waitSeconds: number): NodeJS.Timeout {
    return setTimeout(() => connection.close(), this.#stage.dice.next() * waitSeconds * 500);
  }

  async #handle(taken: Taken): Promise<void> {
    const { dice, calm } = this.#stage;
    const { lease } = taken;
    if (lease === undefined) {
      if (dice.chance(0.3)) await this.#insist("acknowledge", taken);
      return;
    }
    const leaseMs = (this.#habits.leaseSeconds ?? 0) * 1_000;
    const mood = calm.aborted ? 0 : dice.next();
    if (mood < 0.6) await this.#insist("acknowledge", taken);
    else if (mood < 0.68) await this.#insist("reject", taken);
    else if (mood < 0.8) this.#meanwhile(() => this.#workLong(taken, leaseMs));
    else if (mood < 0.9) this.#meanwhile(() => this.#sayLate(taken, leaseMs));
    // Else it says nothing, and the lease runs out.
  }

  #meanwhile(work: () => Promise<void>): void {
    const done = work();
    this.#words.add(done);
    void done.then(() => this.#words.delete(done));
  }

  async #workLong(taken: Taken, leaseMs: number): Promise<void> {
    const { dice, end } = this.#stage;
    for (let i = dice.whole(1, 3); i > 0; i -= 1) {
      await pause(leaseMs * dice.between(0.2, 0.9), end);
      if ((await this.#say("extend", taken)) === "over") return;
    }
    await this.#insist("acknowledge", taken);
  }

  async #sayLate(taken: Taken, leaseMs: number): Promise<void> {
    const { dice, end } = this.#stage;
    await pause(leaseMs * dice.between(0.9, 1.5), end);
    await this.#say("acknowledge", taken);
  }

  /** Says it again where no answer came, as agents do: each word is safe to repeat. */
  async #insist(kind: "acknowledge" | "reject", taken: Taken): Promise<void> {
    for (let tries = 0; tries < 10; tries += 1) {
      const result = await this.#say(kind, taken);
      if (result === "ok" || result === "over") return;
      await pause(this.#stage.dice.between(50, 250), this.#stage.end);
    }
  }

  async #say(kind: Word["kind"], taken: Taken): Promise<Word["result"]> {
    const { recorder } = this.#stage;
    const { connection } = this.#connected();
    const fromMs = recorder.now();
    const result = await this.#tell(connection, kind, taken).then(() => "ok" as const, wordFailureOf);
    this.#record(kind, taken, { fromMs, toMs: recorder.now() }, result);
    return result;
  }

  #tell(connection: Connection, kind: Word["kind"], { dispatch, lease }: Taken): Promise<unknown> {
    const attempt: Attempt = { rolloutId: dispatch.rolloutId, leaseToken: lease?.token ?? "" };
    const signal = AbortSignal.timeout(timeoutMs);
    if (kind === "extend") return connection.extend(attempt, this.#habits.leaseSeconds ?? 1, signal);
    return kind === "reject"
      ? connection.reject(attempt, "for the test", signal)
      : connection.acknowledge(attempt, signal);
  }

  #record(kind: Word["kind"], taken: Taken, span: Span, result: Word["result"]): void {
    const { hostname, rolloutId, closure, attempt } = receivedFrom(taken);
    const leaseMs = (this.#habits.leaseSeconds ?? 1) * 1_000;
    const length = kind === "extend" ? { leaseMs } : {};
    this.#stage.recorder.add({ kind, hostname, rolloutId, closure, attempt, ...length, ...span, result });
  }
}

function receivedFrom({ dispatch, lease }: Taken): Received {
  const { hostname, rolloutId, targetClosure } = dispatch;
  return { hostname, rolloutId, closure: targetClosure, attempt: lease?.attempt };
}

function wordFailureOf(error: unknown): Word["result"] {
  return error instanceof AgentError && error.isVerdict ? "over" : failureOf(error);
}
