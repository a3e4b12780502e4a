import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Worker } from "node:worker_threads";
import { type Connection, connectionOf } from "../../src/http/connections.js";
import type { DirectServer } from "../../src/http/direct/reader.js";
import { DirectResponse } from "../../src/http/direct/response.js";
import { type AnyRequest, type AnyResponse, type Ending, Exchange } from "../../src/http/exchange.js";
import { Listener } from "../../src/http/listener.js";
import type { NodeRequest, NodeResponse } from "../../src/http/node.js";
import { type Issued, issue } from "../../src/pki/issue.js";
import { agentProfile, authorityProfile, serverProfile } from "../../src/pki/profile.js";

const validity = { now: new Date(), days: 2 };
const patienceMs = 10_000;
const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** Who reads requests that need not be read by Node. */
export type Reader = "Node" | "us";

/** A request that the listener got, and how its exchange ended. */
export interface Seen {
  readonly exchange: Exchange;
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  readonly ended: Promise<Ending>;
}

export interface SeenOfNode extends Seen {
  readonly request: NodeRequest;
  readonly response: NodeResponse;
}

function isOfNode(seen: Seen): seen is SeenOfNode {
  return !(seen.response instanceof DirectResponse);
}

/** A real listener on a port of its own, which hands every request to the test. */
export class Listening {
  readonly #seen: Seen[] = [];
  readonly #waiting: ((seen: Seen) => void)[] = [];
  readonly #clients: { destroy(): unknown }[] = [];
  /** Whether a client would be listened to before its body is there. */
  isOpen = true;

  private constructor(
    readonly listener: Listener,
    readonly port: number,
    readonly ca: Issued,
    readonly agent: Issued,
  ) {}

  /** @param reader of plain GETs; whatever else comes is read by Node in any case */
  static async start(reader: Reader = "Node"): Promise<Listening> {
    const ca = await issue(authorityProfile("test", validity));
    const server = await issue(serverProfile(["localhost"], validity), ca);
    const agent = await issue(agentProfile("web-01", "fleet.lab.internal", validity), ca);
    const tls = { cert: server.certPem, key: server.keyPem, clientCa: ca.certPem, operatorCa: undefined };
    const onRequest = (request: NodeRequest, response: NodeResponse) => listening.#hearOfNode(request, response);
    const direct: DirectServer = {
      takesDirect: () => true,
      isOpenTo: () => listening.isOpen,
      serveDirect: (request, response) => listening.#hear(request, response, response.connection),
    };
    const listener = new Listener({ tls, log: quiet, onRequest, ...(reader === "us" && { direct }) });
    const listening = new Listening(listener, await listener.listen("127.0.0.1", 0), ca, agent);
    return listening;
  }

  /** The next request that nobody has asked for yet. */
  next(): Promise<Seen> {
    const seen = this.#seen.shift();
    return seen === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(seen);
  }

  async nextOfNode(): Promise<SeenOfNode> {
    const seen = await this.next();
    if (!isOfNode(seen)) throw new Error("not read by Node");
    return seen;
  }

  /** A connection for requests written by hand. The one below TLS can be reset. `port`: if it goes by a detour. */
  async raw(
    client: Issued = this.agent,
    protocol: "http/1.1" | "h2" = "http/1.1",
    port = this.port,
  ): Promise<{ tls: TLSSocket; tcp: Socket }> {
    const tcp = connectTcp(port, "127.0.0.1");
    const tls = connectTls({ ...this.#trust(client), socket: tcp, servername: "localhost", ALPNProtocols: [protocol] });
    tls.on("error", () => undefined);
    this.#clients.push(tls);
    await once(tls, "secureConnect");
    return { tls, tcp };
  }

  /** `window`: how much of an answer's body leaves before the client gives it more room; nothing, unless said otherwise. */
  async http2(
    client: Issued = this.agent,
    { window = 0, port = this.port }: { window?: number; port?: number } = {},
  ): Promise<ClientHttp2Session> {
    const session = connectHttp2(`https://localhost:${port}`, {
      ...this.#trust(client),
      settings: { initialWindowSize: window },
    });
    session.on("error", () => undefined);
    this.#clients.push(session);
    await once(session, "remoteSettings");
    return session;
  }

  /**
   * A client in a thread of its own, which sends a request, and one more as soon as it has read the answer.
   *
   * @returns what holds this thread, the server's, until that one more is with the operating system
   */
  eager(request: string): () => "ok" | "not-equal" | "timed-out" {
    const again = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { port: this.port, trust: this.#trust(this.agent), request, again };
    const worker = new Worker(new URL("./eager-client.mjs", import.meta.url), { workerData });
    this.#clients.push({ destroy: () => worker.postMessage("enough") });
    return () => Atomics.wait(again, 0, 0, patienceMs);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    const gone = this.listener.drain();
    this.listener.connections.destroyAll();
    await gone;
  }

  #trust({ certPem, keyPem }: Issued) {
    return { ca: this.ca.certPem, cert: certPem, key: keyPem };
  }

  #hearOfNode(request: NodeRequest, response: NodeResponse): void {
    const connection = connectionOf(request);
    if (connection === undefined) throw new Error("a request without a connection");
    // As the front does it.
    if (!("stream" in request)) connection.requestArrived();
    this.#hear(request, response, connection);
  }

  #hear(request: AnyRequest, response: AnyResponse, connection: Connection): void {
    let exchange: Exchange | undefined;
    const ended = new Promise<Ending>((resolve) => {
      exchange = new Exchange(request, response, connection, {
        exchangeEnded: (one, ending) => {
          this.listener.connections.exchangeEnded(connection, one);
          resolve(ending);
        },
      });
    });
    if (exchange === undefined) throw new Error("no exchange");
    this.listener.connections.exchangeBegan(connection, exchange);
    const seen = { exchange, request, response, ended };
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#seen.push(seen);
    else waiting(seen);
  }
}
