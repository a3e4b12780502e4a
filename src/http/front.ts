import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { DispatchError } from "../dispatch/errors.js";
import type { Wire } from "../dispatch/origin.js";
import type { Clock } from "../dispatch/ports.js";
import { CertificateRefused, type IdentityPolicy } from "../identity/identity.js";
import { writeAnswer, writeError } from "./answer.js";
import type { Binding, BindingAnswer } from "./binding/binding.js";
import type { Call } from "./call.js";
import { type Connection, connectionOf } from "./connections.js";
import type { DirectServer } from "./direct/reader.js";
import type { BegunPost, DirectRequest } from "./direct/request.js";
import type { DirectResponse } from "./direct/response.js";
import { type AnyRequest, type AnyResponse, type Ending, Exchange, isOfNode, type NodeExchange } from "./exchange.js";
import { CertificateGate } from "./gate.js";
import { type Health, healthAnswer, isHealthPath } from "./health.js";
import { noTrafficMeter, type TrafficMeter } from "./meter.js";
import type { NodeRequest, NodeResponse } from "./node.js";
import { assertProtocolVersion } from "./protocol-version.js";
import { readBody } from "./read-body.js";
import type { RequestLog } from "./request-log.js";
import { assertRpcRequest, type rpcHandlers, serveProbe, serveRpc, wireOf } from "./rpc.js";
import { refuseRpc } from "./rpc-refusal.js";
import { pathOf } from "./target.js";
import { Visit, type VisitWatcher } from "./visit.js";

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
export class Front implements VisitWatcher, DirectServer {
  readonly #options: FrontOptions;
  readonly #meter: TrafficMeter;
  readonly #gate: CertificateGate;
  #draining = false;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#meter = options.meter ?? noTrafficMeter;
    this.#gate = new CertificateGate(options.policy, options.clock);
  }

  drain(): void {
    this.#draining = true;
  }

  serve(request: NodeRequest, response: NodeResponse): void {
    const connection = connectionOf(request);
    if (connection === undefined) {
      response.destroy();
      return;
    }
    if (!("stream" in request)) connection.requestArrived();
    this.#serve(request, response, connection);
  }

  /** The binding has a call for it. */
  takesDirect({ method, url }: DirectRequest | BegunPost): boolean {
    return this.#options.binding.isLiteral(method, pathOf(url));
  }

  isOpenTo(connection: Connection): boolean {
    return !this.#draining && this.#gate.letsIn(connection);
  }

  serveDirect(request: DirectRequest, response: DirectResponse): void {
    this.#serve(request, response, response.connection);
  }

  #serve(request: AnyRequest, response: AnyResponse, connection: Connection): void {
    const visit = new Visit(this, this.#options.clock.monotonicMs());
    const exchange = new Exchange(request, response, connection, visit);
    connection.owner.exchangeBegan(connection, exchange);
    if (this.#draining && !("stream" in response)) response.shouldKeepAlive = false;
    try {
      this.#route(exchange, visit);
    } catch (error) {
      this.#fail(exchange, visit, error);
    }
  }

  visitEnded(visit: Visit, exchange: Exchange, ending: Ending): void {
    const { connection } = exchange;
    connection.owner.exchangeEnded(connection, exchange);
    this.#meter.requestEnded(visit.wire, visit.outcome);
    if (this.#options.requestLog.isOn) this.#options.requestLog.write(exchange, visit, ending);
  }

  /** @throws DispatchError for who is not let in, or leads nowhere; later failures it answers by itself */
  #route(exchange: Exchange, visit: Visit): void {
    const { path } = exchange;
    // What Node has not read is for the binding.
    if (!isOfNode(exchange)) {
      this.#serveHttp(exchange, visit, path);
      return;
    }
    const { rpcs, probes } = this.#options;
    const rpc = rpcs.get(path);
    const probe = probes.get(path);
    if (rpc !== undefined) this.#serveLater(exchange, visit, this.#serveRpc(rpc, exchange, visit));
    else if (probe !== undefined) this.#serveLater(exchange, visit, this.#serveProbe(probe, exchange, visit));
    else if (isHealthPath(path)) this.#serveLater(exchange, visit, this.#serveHealth(exchange, visit));
    else this.#serveHttp(exchange, visit, path);
  }

  #serveLater(exchange: Exchange, visit: Visit, served: Promise<void>): void {
    served.catch((error: unknown) => this.#fail(exchange, visit, error));
  }

  async #serveHealth(exchange: Exchange, visit: Visit): Promise<void> {
    visit.outcome = "health";
    const { path, query } = exchange;
    const answer = await healthAnswer(this.#options.health, { method: exchange.request.method, path, query });
    return writeAnswer(exchange, answer);
  }

  async #serveProbe(probe: UniversalHandler, exchange: NodeExchange, visit: Visit): Promise<void> {
    visit.outcome = "health";
    visit.wire = wireOf(exchange.request);
    return serveProbe(probe, exchange);
  }

  async #serveRpc(rpc: UniversalHandler, exchange: NodeExchange, visit: Visit): Promise<void> {
    const wire = wireOf(exchange.request);
    try {
      const call = this.#admit(wire, exchange, visit);
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

  /** @throws DispatchError for who is not let in, or leads nowhere; later failures it answers by itself */
  #serveHttp(exchange: Exchange, visit: Visit, path: string): void {
    const { binding } = this.#options;
    const call = this.#admit("http", exchange, visit);
    const { request, query } = exchange;
    const method = request.method ?? "";
    const route = binding.route(method, path);
    const contentType = request.headers["content-type"];
    const bound = { method, path, query, contentType, readBody: (maxBytes: number) => readBody(request, maxBytes) };
    // Both at once rather than one behind the other: one promise less for each host that waits.
    binding.handle(route, bound, call).then(
      (answer) => this.#answer(exchange, visit, answer),
      (error: unknown) => this.#fail(exchange, visit, error),
    );
  }

  #answer(exchange: Exchange, visit: Visit, answer: BindingAnswer): void {
    try {
      if (answer.status === 204) visit.outcome = "empty";
      writeAnswer(
        exchange,
        answer.status === 204 ? answer : { status: 200, body: answer.body, contentType: "application/json" },
      );
    } catch (error) {
      this.#fail(exchange, visit, error);
    }
  }

  /** @throws DispatchError that says why this caller is not let in */
  #admit(wire: Wire, exchange: Exchange, visit: Visit): Call {
    visit.wire = wire;
    if (this.#draining) {
      throw new DispatchError("draining", "the server is shutting down", { retryAfterSeconds: 5 });
    }
    const call = exchange.call(wire, this.#gate);
    visit.identity = call.identity;
    assertProtocolVersion(exchange.request.headers);
    return call;
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
