export type { RetryOptions } from "./back-off.js";
export type { Clock } from "./clock.js";
export type { CredentialSources, PemSource } from "./credentials.js";
export { type Dispatch, type DispatchJson, dispatchToJson } from "./dispatch.js";
export { dispatches, plainDispatches, type RpcAgentOptions } from "./dispatches.js";
export { AgentError, type AgentErrorDetails, type AgentErrorKind } from "./errors.js";
export type { AgentEvent } from "./events.js";
export type { AgentOptions } from "./options.js";
export type { HttpVersion } from "./rpc-connection.js";
