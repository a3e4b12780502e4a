import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../random.js";
import type { Recorder } from "../recorder.js";
import type { ServerUrl } from "./clients.js";

/** What every driver of a round has in common. */
export interface Stage {
  /** One or several, of one queue. Drivers go to any of them. */
  readonly servers: readonly ServerUrl[];
  readonly recorder: Recorder;
  readonly dice: Dice;
  /** Aborts when nothing new is to be made up any more: from then on agents are honest, and fetch what there is. */
  readonly calm: AbortSignal;
  /** Aborts when all is quiet. */
  readonly end: AbortSignal;
}

/** At most so long; ends early when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
