import type { Clock, EnqueueReceipt, FailPoint, Log, Random } from "../dispatch/ports.js";
import type { TlsTexts } from "../http/pem.js";

export interface ServerOptions {
  /** Port 0 lets the system choose. */
  readonly listen: Address;
  readonly adminListen: Address | "none";
  readonly tls: TlsTexts;
  readonly db: { readonly kind: "sqlite"; readonly path: string } | PostgresTarget | { readonly kind: "none" };
  /** What this server is called where several share a database. Default: the machine's name. */
  readonly serverName?: string;
  readonly agentCnSuffix: string;
  /** Exact, or with one `*`. Not looked at where `tls.operatorCa` is set. */
  readonly operatorCn: readonly string[];
  /** Path of a JSON file that is followed as it changes. */
  readonly revocations: string | undefined;
  /** Whether a plain take counts as delivered at once, or once its receipt is proven. Default: `once`. */
  readonly delivery?: "once" | "confirmed";
  /** With `confirmed`: how long a dispatch is hidden while its receipt is not proven. Default: 30,000. */
  readonly confirmWithinMs?: number;
  /** How long history, and dispatches that are done, are kept. Default: 30 days. */
  readonly retainMs?: number;
  /** How many parked polls one host may have. */
  readonly pollsPerHost: number;
  readonly sweepMs: number;
  /** How long answers in flight may take after `close`. */
  readonly drainTimeoutMs: number;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: `Math.random`. */
  readonly random?: Random;
  /** Default: does nothing. */
  readonly failPoint?: FailPoint;
}

/** A PostgreSQL database, for any number of servers. */
export interface PostgresTarget {
  readonly kind: "postgres";
  /** `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`; never logged. */
  readonly url: string;
  /** Connections for statements; one more listens. */
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A dispatch as a planner gives it; the rules for each field are those of the schema's `NewDispatch`. */
export interface PlannedDispatch {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly targetClosure: string;
  readonly soakDueAt: Date;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Default: 10. */
  readonly maxAttempts?: number;
}

export interface PlanOptions {
  /** Whether each takes the place of the older ones of its host and channel that wait. Default: false. */
  readonly supersede?: boolean;
}

export interface RunningServer {
  readonly port: number;
  /** `undefined` with `adminListen: "none"`. */
  readonly adminPort: number | undefined;
  /**
   * For a planner in the same process: what `QueueService.EnqueueDispatches` does, without the way over the network.
   * `undefined` with `db: none`.
   *
   * @throws DispatchError `invalid_argument` naming the field, `draining`, or the store's error; nothing is enqueued then
   */
  readonly enqueue:
    | ((dispatches: readonly PlannedDispatch[], options?: PlanOptions) => Promise<EnqueueReceipt>)
    | undefined;
  /**
   * Reads the revocations again and, with `tls`, serves new connections with that from now on. Connections whose
   * certificates do not hold any more are cut, the others go on.
   *
   * @throws Error if OpenSSL does not take the new certificates; the old ones stay in force then
   */
  reload(tls?: TlsTexts): void;
  /** Readiness off, no new connections, every parked poll answered with 503, answers in flight out, store closed. */
  close(): Promise<void>;
}
