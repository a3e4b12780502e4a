/** For programs that run the server inside themselves: a control plane whose planner calls `enqueue` directly. */
export {
  type Address,
  type PlannedDispatch,
  type PostgresTarget,
  type RunningServer,
  type ServerOptions,
  startServer,
} from "./app.js";
export { DispatchError, type ErrorReason, errorTable } from "./dispatch/errors.js";
export type { Clock, EnqueueReceipt, Log, Random } from "./dispatch/ports.js";
export type { TlsTexts } from "./http/pem.js";
export { loadTlsFiles, type TlsPaths } from "./http/tls-files.js";
export { DatabaseOpenError } from "./store/postgres/open-error.js";
export { StoreOpenError } from "./store/sqlite/open-error.js";
