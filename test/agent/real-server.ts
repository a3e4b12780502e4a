import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { DispatchState, EventKind } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type RunningServer, type ServerOptions, startServer } from "../../src/app.js";
import { systemClock } from "../../src/telemetry/clock.js";
import type { Pair, TestPki } from "./certificates.js";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** The project's own server, with its database at `dbPath`. */
export function startRealServer(
  pki: TestPki,
  dbPath: string,
  port = 0,
  options: Pick<ServerOptions, "clock"> = {},
): Promise<RunningServer> {
  return startServer({
    listen: { host: "127.0.0.1", port },
    adminListen: "none",
    tls: { ...pki.server, clientCa: pki.ca, operatorCa: undefined },
    db: { kind: "sqlite", path: dbPath },
    agentCnSuffix: "fleet.lab.internal",
    operatorCn: ["operator-*"],
    revocations: undefined,
    pollsPerHost: 4,
    sweepMs: 60_000,
    drainTimeoutMs: 5_000,
    log: quiet,
    ...options,
  });
}

/** The machine's clock, which a test can put forward for the server alone. Timers do not notice. */
export class ServerClock {
  #aheadMs = 0;
  readonly after = systemClock.after;
  readonly nextTurn = systemClock.nextTurn;

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  putForward(ms: number): void {
    this.#aheadMs += ms;
  }
}

/** An operator's view of one dispatch. */
export class Overseer {
  readonly #client: Client<typeof QueueService>;

  constructor({ port }: Pick<RunningServer, "port">, { ca }: TestPki, operator: Pair) {
    const baseUrl = `https://127.0.0.1:${port}`;
    // Without an Agent of its own each call has a connection of its own, so none has to be closed.
    const nodeOptions = { ca, ...operator };
    this.#client = createClient(QueueService, createConnectTransport({ httpVersion: "1.1", baseUrl, nodeOptions }));
  }

  async look(hostname: string, rolloutId: string) {
    const { dispatch, events } = await this.#client.getDispatch({ hostname, rolloutId });
    if (dispatch === undefined) throw new Error("no dispatch in the answer");
    const { state, attempt, reason } = dispatch;
    return { state: DispatchState[state], attempt, reason, events: events.map(({ kind }) => EventKind[kind]) };
  }
}
