import { DispatchError } from "../../dispatch/errors.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Call } from "../call.js";

/**
 * The caller's machine id, for a call that only agents may make.
 *
 * @throws DispatchError `permission_denied` for an operator
 */
export function requireAgent(call: Call): Hostname {
  if (call.identity.kind === "agent") return call.identity.machineId;
  throw new DispatchError("permission_denied", "this call is for agents; the certificate is an operator's");
}

/** @throws DispatchError `permission_denied` for an agent */
export function requireOperator(call: Call): string {
  if (call.identity.kind === "operator") return call.identity.name;
  throw new DispatchError("permission_denied", "this call is for operators; the certificate is an agent's");
}
