export type { RetryOptions } from "./back-off.js";
export type { Clock } from "./clock.js";
export type { CredentialSources, PemSource } from "./credentials.js";
export { type Dispatch, type DispatchJson, dispatchToJson } from "./dispatch.js";
export {
  dispatches,
  type HttpVersionOption,
  type LeasedRpcAgentOptions,
  plainDispatches,
  type RpcAgentOptions,
} from "./dispatches.js";
export { AgentError, type AgentErrorDetails, type AgentErrorKind } from "./errors.js";
export type { AgentEvent, LeaseCall } from "./events.js";
export { type HandleAllOptions, type HandleOptions, type Handler, handle, handleOne, type Outcome } from "./handle.js";
export type { Lease, LeaseJson } from "./lease.js";
export type { LeaseKeeper } from "./lease-keeper.js";
export type { LeaseCallSettings, LeasedDispatch } from "./leased-dispatch.js";
export type { AgentOptions, CommonOptions, LeasedAgentOptions } from "./options.js";
export type { HttpVersion } from "./rpc-connection.js";
