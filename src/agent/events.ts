import type { Dispatch } from "./dispatch.js";
import type { AgentError } from "./errors.js";

/** What happens in the loop besides dispatches. */
export type AgentEvent =
  /** Nothing came within the wait; the next poll follows at once, or after the `retrying` that follows. */
  | { readonly type: "polled-empty"; readonly elapsedMs: number }
  /** A dispatch for another host came and was dropped. A `retrying` follows. */
  | { readonly type: "refused"; readonly dispatch: Dispatch }
  /** The next poll follows after `delayMs` milliseconds; `failures` counts those in a row, this one included. */
  | { readonly type: "retrying"; readonly cause: AgentError; readonly delayMs: number; readonly failures: number }
  /** A call about a dispatch failed and is made again after `delayMs` milliseconds; `failures` as above. */
  | {
      readonly type: "retrying-call";
      readonly call: LeaseCall;
      readonly dispatch: Dispatch;
      readonly cause: AgentError;
      readonly delayMs: number;
      readonly failures: number;
    };

/** What can be said of a dispatch that is held under a lease. */
export type LeaseCall = "acknowledge" | "reject" | "extend";
