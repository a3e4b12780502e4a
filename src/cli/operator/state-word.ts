import { type DispatchState, DispatchStateSchema } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { dispatchStates } from "../../dispatch/dispatch.js";
import type { KnownDispatch } from "../../words/record.js";

export type StateWord = KnownDispatch["state"];

/** `PENDING` is `pending`; `unknown` is a state that a newer server has. */
export function stateWord(state: DispatchState): StateWord {
  const name = DispatchStateSchema.value[state]?.localName.toLowerCase();
  return dispatchStates.find((word) => word === name) ?? "unknown";
}
