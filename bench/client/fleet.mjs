// The agents, and the operator who enqueues, of one server.

import { dispatch, inBatches, oneEach } from "../support/dispatches.mjs";
import { Credentials } from "./credentials.mjs";
import { enqueueText, pollText } from "./requests.mjs";
import { openWire } from "./wire.mjs";

/** Handshakes under way at a time, where a storm is not what is measured. */
const openAtATime = 200;

const waitSeconds = 60;

export class Fleet {
  #port;
  #credentials;
  #wires = [];
  #operator;
  #nextHost = 0;
  #rollout = 1;

  constructor({ port, certificates }) {
    this.#port = port;
    this.#credentials = new Credentials(certificates);
  }

  /**
   * Every one of the first `count` agents that does not wait yet polls from now on, on a connection that it opens if it has
   * none. Polls go out as connections come up: a server may close one that stays silent.
   */
  async park(count) {
    const idle = Array.from({ length: count }, (_, i) => i).filter((i) => this.#wires[i]?.isIdle !== false);
    for (const some of inBatches(idle, openAtATime)) await Promise.all(some.map((i) => this.#open(i)));
  }

  async #open(i) {
    if (this.#wires[i]?.isOpen !== true) this.#wires[i] = await openWire(this.#port, this.#credentials.of(i));
    this.#poll(i);
  }

  #onDispatch = () => undefined;

  #poll(i) {
    this.#wires[i].send(pollText(i, waitSeconds), (status) => {
      if (status === 204) this.#poll(i);
      else if (status === 200) this.#onDispatch(i);
      else throw new Error(`a poll got ${status}`);
    });
  }

  /** One dispatch for one of the `count` that are parked, `times` times, each after the last. @returns ms from call to answer */
  async wake(count, times) {
    const latencies = [];
    for (let n = 0; n < times; n++) latencies.push(await this.#wakeOne(count));
    return latencies;
  }

  async #wakeOne(count) {
    // In steps that are prime, so that hosts come in no order.
    this.#nextHost = (this.#nextHost + 2_741) % count;
    const i = this.#nextHost;
    const text = enqueueText([dispatch(i, this.#rollout++)]);
    const startedMs = performance.now();
    const arrived = new Promise((resolve) => {
      this.#onDispatch = (at) => at === i && resolve(performance.now() - startedMs);
    });
    const enqueued = this.#enqueue(text);
    const latencyMs = await arrived;
    await enqueued;
    this.#poll(i);
    return latencyMs;
  }

  /** `perSecond` times a second, for so long, one dispatch for one of the `count`. @returns ms from call to answer */
  async steady(count, perSecond, seconds) {
    const latencies = [];
    const startedMs = performance.now();
    const sentMs = new Map();
    this.#onDispatch = (i) => {
      latencies.push(performance.now() - sentMs.get(i));
      this.#poll(i);
    };
    for (let n = 0; n < perSecond * seconds; n++) {
      const dueMs = startedMs + (n * 1_000) / perSecond;
      await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
      this.#nextHost = (this.#nextHost + 2_741) % count;
      sentMs.set(this.#nextHost, performance.now());
      await this.#enqueue(enqueueText([dispatch(this.#nextHost, this.#rollout++)]));
    }
    while (latencies.length < perSecond * seconds) await new Promise((resolve) => setTimeout(resolve, 5));
    return latencies;
  }

  /** One dispatch for each of the `count` that are parked, in batches. @returns ms until the last has its own */
  async fanOut(count, batchSize) {
    const texts = inBatches(oneEach(count, this.#rollout++), batchSize).map(enqueueText);
    let left = count;
    const startedMs = performance.now();
    const arrived = new Promise((resolve) => {
      this.#onDispatch = () => {
        left -= 1;
        if (left === 0) resolve(performance.now() - startedMs);
      };
    });
    for (const text of texts) await this.#enqueue(text);
    return arrived;
  }

  /** Each of these in one call, one after the other. @returns ms */
  async enqueueBatches({ count, batchSize, hosts, first = 0 }) {
    const base = this.#rollout;
    this.#rollout += Math.ceil(count / hosts);
    const all = Array.from({ length: count }, (_, i) => dispatch(first + (i % hosts), base + Math.floor(i / hosts)));
    const texts = inBatches(all, batchSize).map(enqueueText);
    const startedMs = performance.now();
    for (const text of texts) await this.#enqueue(text);
    return performance.now() - startedMs;
  }

  /** A restart is over: everybody comes at once. @returns ms until the last has sent its poll, and what went wrong */
  async storm(count) {
    this.close();
    let errors = 0;
    const startedMs = performance.now();
    const come = async (i) => {
      try {
        this.#wires[i] = await openWire(this.#port, this.#credentials.of(i));
        this.#wires[i].onBroken = () => (errors += 1);
        this.#poll(i);
      } catch {
        errors += 1;
      }
    };
    await Promise.all(Array.from({ length: count }, (_, i) => come(i)));
    return { sentMs: performance.now() - startedMs, errors, startedAtMs: performance.timeOrigin + startedMs };
  }

  close() {
    for (const wire of this.#wires) wire?.close();
    this.#wires = [];
    this.#operator?.close();
    this.#operator = undefined;
  }

  async #enqueue(text) {
    if (this.#operator?.isOpen !== true) this.#operator = await openWire(this.#port, this.#credentials.of("operator"));
    const { status, body } = await this.#operator.ask(text);
    if (status !== 200) throw new Error(`an enqueue got ${status}: ${body}`);
  }
}
