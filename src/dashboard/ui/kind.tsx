import type { KnownEvent } from "../../words/record.js";
import type { StateWord } from "../fleet/summaries.js";
import { StateMark } from "./state.js";

/** The state that an event leads to, whose shape and colour it wears. */
const stateOfKind: Readonly<Record<KnownEvent["kind"], StateWord>> = {
  enqueued: "pending",
  replaced: "pending",
  superseded: "superseded",
  delivered: "delivered",
  leased: "leased",
  flushed: "delivered",
  confirmed: "delivered",
  extended: "leased",
  acknowledged: "acknowledged",
  rejected: "rejected",
  lease_expired: "expired",
  returned: "expired",
  cancelled: "cancelled",
  expired: "expired",
  dead: "dead",
  unknown: "unknown",
};

export function KindBadge({ kind }: { readonly kind: KnownEvent["kind"] }) {
  const state = stateOfKind[kind];
  return (
    <span className={`badge state-${state}`}>
      <StateMark state={state} />
      {kind.replace("_", " ")}
    </span>
  );
}
