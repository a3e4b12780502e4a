import { expect, vi } from "vitest";
import type { HttpClient } from "./client.js";

/** What GetDispatch says over plain HTTP. Enumerations without their prefix, in lower case: `leased`, `lease_expired`. */
export interface History {
  readonly state: string;
  readonly attempt: number;
  readonly reason: string;
  readonly events: readonly HistoryEvent[];
}

export interface HistoryEvent {
  readonly id: string;
  readonly kind: string;
  readonly attempt: number;
  readonly actor: string;
  readonly address: string;
  readonly wire: string;
  readonly detail: string;
  readonly parked_ms?: string;
}

export async function historyOf(operator: HttpClient, hostname: string, rolloutId: string): Promise<History> {
  const { status, body } = await operator.ask(`/v1/dispatches/${hostname}/${rolloutId}`);
  if (status !== 200) throw new Error(`${status}: ${body}`);
  const { dispatch, events } = JSON.parse(body);
  return {
    state: word(dispatch.state, "DISPATCH_STATE_"),
    attempt: dispatch.attempt,
    reason: dispatch.reason,
    events: events.map((event: HistoryEvent) => ({ ...event, kind: word(event.kind, "EVENT_KIND_") })),
  };
}

/** The kinds of its events, oldest first. */
export async function kindsOf(operator: HttpClient, hostname: string, rolloutId: string): Promise<string[]> {
  return (await historyOf(operator, hostname, rolloutId)).events.map(({ kind }) => kind);
}

/** Waits until the dispatch is in a state. */
export async function untilState(operator: HttpClient, hostname: string, rolloutId: string, state: string) {
  await until(async () => expect((await historyOf(operator, hostname, rolloutId)).state).toBe(state));
}

/** Waits until the dispatch has had so many events of a kind. `flushed` is written a little after it has happened. */
export async function untilEvent(operator: HttpClient, hostname: string, rolloutId: string, kind: string, times = 1) {
  const count = async () => (await kindsOf(operator, hostname, rolloutId)).filter((each) => each === kind).length;
  await until(async () => expect(await count()).toBeGreaterThanOrEqual(times));
}

/** Not `expect.poll`, which loses its test where several run at once. */
async function until(check: () => Promise<void>): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000 });
}

function word(constant: string, prefix: string): string {
  if (!constant.startsWith(prefix)) throw new Error(`${constant} does not begin with ${prefix}`);
  return constant.slice(prefix.length).toLowerCase();
}
