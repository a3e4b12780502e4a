import type { NewDispatch } from "../../src/dispatch/dispatch.js";
import { Queue, type QueueOptions } from "../../src/dispatch/queue.js";
import { group } from "../support/dispatches.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import { type PollOptions, type StartedPoll, startPoll } from "./polling.js";
import { RecordingLog } from "./recording-log.js";

/** A whole queue whose clock and store are in the test's hands. It sweeps so rarely that no test owes it anything. */
export class QueueAtHand {
  readonly clock = new FakeClock();
  readonly store = new MemoryStore(this.clock);
  readonly log = new RecordingLog();
  readonly queue: Queue;

  constructor(options: Partial<QueueOptions> = {}) {
    const { clock, store, log } = this;
    this.queue = new Queue({
      store,
      clock,
      log,
      random: () => 0,
      failPoint: () => undefined,
      pollsPerHost: 4,
      sweepMs: 24 * 3_600_000,
      plainTerms: { kind: "once" },
      retainMs: 30 * 24 * 3_600_000,
      ...options,
    });
  }

  async enqueue(...dispatches: NewDispatch[]): Promise<void> {
    const done = this.queue.enqueuer.enqueue(group(...dispatches));
    await this.clock.settle();
    await done;
    await this.clock.settle();
  }

  /** A poll that has had its first look. */
  async poll(hostname: string, options: PollOptions = {}): Promise<StartedPoll> {
    const poll = startPoll(this.queue.polls, hostname, options);
    await this.clock.settle();
    return poll;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.clock.settle();
  }

  /** The state of a host's only dispatch, and how often it was handed out: `pending 1`. */
  standing(hostname: string, rolloutId = "stable@a1b2c3d4"): string {
    const row = this.store.rows.get(`${hostname} ${rolloutId}`);
    return row === undefined ? "none" : `${row.state} ${row.attempt}`;
  }

  /** The kinds of a host's events, in order. */
  history(hostname: string): string[] {
    return this.store.events.filter((event) => event.hostname === hostname).map(({ kind }) => kind);
  }

  async close(): Promise<void> {
    const closed = this.queue.close();
    await this.clock.settle();
    await closed;
  }
}
