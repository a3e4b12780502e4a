import type { Log } from "../../dispatch/ports.js";
import type { Call } from "../call.js";

/** What an operator has done that changes something. */
export type AuditedAction = "enqueue" | "cancel" | "revoke" | "restore";

/** One line for each action that has taken effect: who, what, from where. Request lines say so too, but may be switched off. */
export function audit(log: Log, { origin, requestId }: Call, action: AuditedAction, fields: object): void {
  const { actor: operator, address, wire } = origin;
  log.info({ audit: action, operator, address, wire, requestId, ...fields }, "audit");
}
