import type { Clock } from "../dispatch/ports.js";
import type { KnownIdentity } from "../identity/identity.js";
import type { Ending, Exchange } from "./exchange.js";
import type { Visit } from "./visit.js";

interface Sink {
  info(fields: Record<string, unknown>, message: string): void;
  debug(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  /** Absent: all of them are. */
  isLevelEnabled?(level: string): boolean;
}

/** One line for each request, written when it has ended. */
export class RequestLog {
  readonly #sink: Sink;
  readonly #clock: Pick<Clock, "monotonicMs">;

  constructor(sink: Sink, clock: Pick<Clock, "monotonicMs">) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Whether `write` would write: what it is told costs something to put together. */
  get isOn(): boolean {
    return this.#sink.isLevelEnabled?.("info") ?? true;
  }

  write(exchange: Exchange, { wire, outcome, identity, startedMs }: Visit, ending: Ending): void {
    const fields = {
      requestId: exchange.requestId,
      ...subject(identity),
      wire,
      method: exchange.request.method,
      path: exchange.path,
      outcome,
      status: exchange.response.statusCode,
      answer: ending,
      durationMs: Math.round(this.#clock.monotonicMs() - startedMs),
      ...exchange.fields,
    };
    // Probes come every few seconds for ever, and say nothing as long as they are well.
    if (outcome === "health") this.#sink.debug(fields, "request");
    else this.#sink.info(fields, "request");
  }

  /** The cause behind an "internal error": the caller got only the request id. */
  writeFailure({ requestId, fields }: Exchange, cause: unknown): void {
    this.#sink.error({ requestId, ...fields, err: cause }, "request failed");
  }
}

function subject(identity: KnownIdentity | undefined): Record<string, string> {
  if (identity === undefined) return {};
  return identity.kind === "agent" ? { machineId: identity.machineId } : { operator: identity.name };
}
