import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { DispatchError } from "../dispatch/errors.js";
import { instantFromMicros } from "../dispatch/instant.js";
import type { Wire } from "../dispatch/origin.js";
import type { Clock } from "../dispatch/ports.js";
import { CertificateRefused, type IdentityPolicy, identify, type KnownIdentity } from "../identity/identity.js";
import type { PeerCert } from "../identity/peer-cert.js";
import { writeAnswer, writeError } from "./answer.js";
import type { Binding } from "./binding/binding.js";
import type { Call } from "./call.js";
import { type Connection, type Connections, connectionOf } from "./connections.js";
import { Exchange } from "./exchange.js";
import { type Health, healthAnswer, isHealthPath } from "./health.js";
import { noTrafficMeter, type TrafficMeter } from "./meter.js";
import type { NodeRequest, NodeResponse } from "./node.js";
import { assertProtocolVersion } from "./protocol-version.js";
import { readBody } from "./read-body.js";
import type { RequestLog, Visit } from "./request-log.js";
import { assertRpcRequest, type rpcHandlers, serveProbe, serveRpc, wireOf } from "./rpc.js";
import { refuseRpc } from "./rpc-refusal.js";

export interface FrontOptions {
  readonly binding: Binding<Call>;
  readonly rpcs: ReturnType<typeof rpcHandlers>;
  /** RPCs that are served to anybody, without a certificate. */
  readonly probes: ReadonlyMap<string, UniversalHandler>;
  readonly policy: IdentityPolicy;
  readonly clock: Clock;
  readonly health: Health;
  readonly requestLog: RequestLog;
  /** Default: none. */
  readonly meter?: TrafficMeter;
}

/**
 * What stands in front of every wire, in this order: request id, health without a certificate, drain, identity, protocol
 * version, then the HTTP binding or the RPC. See `docs/request-life.md`.
 */
export class Front {
  readonly #options: FrontOptions;
  readonly #meter: TrafficMeter;
  #draining = false;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#meter = options.meter ?? noTrafficMeter;
  }

  drain(): void {
    this.#draining = true;
  }

  serve(request: NodeRequest, response: NodeResponse, connections: Connections): void {
    const connection = connectionOf(request);
    if (connection === undefined) {
      response.destroy();
      return;
    }
    const startedMs = this.#options.clock.monotonicMs();
    const visit: Visit = { wire: "http", outcome: "ok", identity: undefined, isUnread: false };
    if (!("stream" in request)) connection.requestArrived();
    const exchange = new Exchange(request, response, connection, (ended, ending) => {
      connections.exchangeEnded(connection, ended);
      // Its end comes before the error that it causes further in.
      if (ending === "lost" && visit.outcome === "ok") visit.outcome = "gone";
      else if (visit.isUnread) visit.outcome = "invalid_argument";
      this.#meter.requestEnded(visit.wire, visit.outcome);
      if (this.#options.requestLog.isOn) this.#options.requestLog.write(ended, { ...visit, ending, startedMs });
    });
    connection.users.add(exchange);
    if (this.#draining && !("stream" in response)) response.shouldKeepAlive = false;
    try {
      this.#route(exchange, connection, visit).catch((error: unknown) => this.#fail(exchange, visit, error));
    } catch (error) {
      this.#fail(exchange, visit, error);
    }
  }

  #route(exchange: Exchange, connection: Connection, visit: Visit): Promise<void> {
    const { path } = exchange;
    if (isHealthPath(path)) return this.#serveHealth(exchange, visit);
    const probe = this.#options.probes.get(path);
    if (probe !== undefined) {
      visit.outcome = "health";
      visit.wire = wireOf(exchange.request);
      return serveProbe(probe, exchange);
    }
    const rpc = this.#options.rpcs.get(path);
    if (rpc === undefined) return this.#serveHttp(exchange, connection, visit);
    return this.#serveRpc(rpc, exchange, connection, visit);
  }

  async #serveHealth(exchange: Exchange, visit: Visit): Promise<void> {
    visit.outcome = "health";
    const { path, query } = exchange;
    const answer = await healthAnswer(this.#options.health, { method: exchange.request.method, path, query });
    return writeAnswer(exchange, answer);
  }

  async #serveRpc(rpc: UniversalHandler, exchange: Exchange, connection: Connection, visit: Visit): Promise<void> {
    const wire = wireOf(exchange.request);
    try {
      const call = this.#admit(wire, exchange, connection, visit);
      assertRpcRequest(rpc, exchange.request);
      visit.isUnread = true;
      await serveRpc(rpc, exchange, {
        call,
        onReached: () => {
          visit.isUnread = false;
        },
        onError: (error) => this.#noteError(exchange, visit, error),
      });
    } catch (error) {
      this.#noteError(exchange, visit, error);
      refuseRpc(wire, exchange, error);
    }
  }

  /** @throws besides what the promise rejects with: DispatchError for who is not let in, or leads nowhere */
  #serveHttp(exchange: Exchange, connection: Connection, visit: Visit): Promise<void> {
    const { binding } = this.#options;
    const call = this.#admit("http", exchange, connection, visit);
    const { request, path, query } = exchange;
    const method = request.method ?? "";
    const route = binding.route(method, path);
    const contentType = request.headers["content-type"];
    const bound = { method, path, query, contentType, readBody: (maxBytes: number) => readBody(request, maxBytes) };
    return binding.handle(route, bound, call).then((answer) => {
      if (answer.status === 204) visit.outcome = "empty";
      writeAnswer(exchange, answer.status === 204 ? answer : { ...answer, contentType: "application/json" });
    });
  }

  /** @throws DispatchError that says why this caller is not let in */
  #admit(wire: Wire, exchange: Exchange, connection: Connection, visit: Visit): Call {
    visit.wire = wire;
    if (this.#draining) {
      throw new DispatchError("draining", "the server is shutting down", { retryAfterSeconds: 5 });
    }
    const known = requireCert(connection.cert);
    const identity = this.#identify(known);
    visit.identity = identity;
    assertProtocolVersion(exchange.request.headers);
    return exchange.call(wire, {
      identity,
      certificateLeftMs: known.notAfterMs - this.#options.clock.nowMs(),
      certificateNotAfter: instantFromMicros(known.notAfterMs * 1_000) ?? null,
      // The connection's, since that is judged anew when the CAs are replaced.
      assertAllowed: () => void this.#identify(requireCert(connection.cert)),
    });
  }

  #identify(cert: PeerCert): KnownIdentity {
    return identify(cert, this.#options.policy, this.#options.clock.nowMs());
  }

  #fail(exchange: Exchange, visit: Visit, thrown: unknown): void {
    this.#noteError(exchange, visit, thrown);
    writeError(exchange, thrown);
  }

  #noteError(exchange: Exchange, visit: Visit, thrown: unknown): void {
    const error = DispatchError.from(thrown);
    visit.outcome = error.reason;
    if (error instanceof CertificateRefused) this.#meter.refused(error.refusal);
    if (error.reason === "internal") this.#options.requestLog.writeFailure(exchange, error.cause ?? error);
  }
}

function requireCert(cert: PeerCert | undefined): PeerCert {
  if (cert !== undefined) return cert;
  throw new CertificateRefused("no_certificate", "a client certificate is needed");
}
