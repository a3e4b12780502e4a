import { constants, type X509Certificate } from "node:crypto";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Log } from "../dispatch/ports.js";
import { readAgain, readPeerCert, type TrustedCas } from "../identity/peer-cert.js";
import { Connections } from "./connections.js";
import { DirectReader, type DirectServer, takeOver } from "./direct/reader.js";
import { limits } from "./limits.js";
import { noTrafficMeter, type TrafficMeter } from "./meter.js";
import type { NodeRequest, NodeResponse } from "./node.js";
import { certificatesIn, type TlsTexts } from "./pem.js";
import { certificateRejection, handshakeRejection } from "./tls-rejection.js";

export interface ListenerOptions {
  readonly tls: TlsTexts;
  readonly log: Log;
  readonly onRequest: (request: NodeRequest, response: NodeResponse) => void;
  /** Serves what need not be read by Node. Default: Node reads everything. */
  readonly direct?: DirectServer;
  /** Default: none. */
  readonly meter?: TrafficMeter;
}

/** The API's port: TLS 1.3, HTTP/2 and HTTP/1.1 by ALPN, a client certificate asked for but judged by the gate. */
export class Listener {
  readonly connections = new Connections();
  readonly #server: Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  #cas: TrustedCas;
  #certificate: X509Certificate | undefined;
  #closed: Promise<void> | undefined;

  constructor({ tls, log, onRequest, direct, meter = noTrafficMeter }: ListenerOptions) {
    this.#cas = casOf(tls);
    this.#certificate = leafOf(tls);
    this.#server = createSecureServer({
      ...tlsOptions(tls),
      ...http2Options,
      allowHTTP1: true,
      // Options of net.Server, which the types of http2 leave out.
      ...{ noDelay: true, keepAlive: true, keepAliveInitialDelay: limits.tcpKeepAliveMs },
    });
    setHttp1Limits(this.#server);
    this.#server.on("connection", (socket) => this.connections.accept(socket));
    const readByNode = takeOver(this.#server, "secureConnection");
    this.#server.on("secureConnection", (socket) => {
      const cert = readPeerCert(socket, this.#cas);
      if (cert?.verifyError !== undefined) meter.tlsRejected(certificateRejection(cert.verifyError));
      writeAhead(socket);
      const connection = this.connections.add(socket, cert);
      if (direct === undefined || socket.alpnProtocol === "h2") readByNode(socket);
      else new DirectReader({ connection, server: direct, handOver: readByNode });
    });
    this.#server.on("session", (session) => this.#watch(session));
    this.#server.on("tlsClientError", (error, socket) => {
      meter.tlsRejected(handshakeRejection(error));
      log.debug({ err: error, remote: socket.remoteAddress }, "TLS handshake failed");
    });
    this.#server.on("request", onRequest);
  }

  /** When the certificate that new connections are served with ends, in ms since 1970. */
  get certificateNotAfterMs(): number | undefined {
    return this.#certificate && Date.parse(this.#certificate.validTo);
  }

  /** @throws the system's error, EADDRINUSE for one */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: 4_096 }, () => resolve());
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    return address.port;
  }

  /**
   * New connections are served with these from now on. Those that are open go on; the certificates of their clients are
   * judged by the new CAs, and whoever does not hold any more is for the caller to cut.
   *
   * @throws Error if OpenSSL does not take them; then nothing has changed
   */
  replaceTls(tls: TlsTexts): void {
    const cas = casOf(tls);
    this.#server.setSecureContext(tlsOptions(tls));
    this.#cas = cas;
    this.#certificate = leafOf(tls);
    this.connections.judgeAnew((socket, cert) => readAgain(socket, cert, cas));
  }

  /**
   * No new connections; the ones that are there end with their last answer. Resolves when the last is gone and every
   * answer that did not leave has been reported.
   */
  drain(): Promise<void> {
    this.#closed ??= this.#drain();
    return this.#closed;
  }

  async #drain(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#sessions) session.close();
    this.connections.drain();
    await closed;
    await this.connections.empty();
  }

  #watch(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    const stop = pingRegularly(session);
    session.once("close", () => {
      stop();
      this.#sessions.delete(session);
    });
    // Without a listener the error of one connection would end the process; the session closes by itself.
    session.on("error", () => undefined);
  }
}

function leafOf({ cert }: TlsTexts): X509Certificate | undefined {
  return certificatesIn(cert)[0];
}

function casOf({ clientCa = "", operatorCa = "" }: TlsTexts): TrustedCas {
  return { clientCas: certificatesIn(clientCa), operatorCas: certificatesIn(operatorCa) };
}

const http2Options = {
  maxSessionMemory: limits.http2MaxSessionMemoryMb,
  streamResetBurst: limits.http2StreamResetBurst,
  streamResetRate: limits.http2StreamResetRate,
  settings: {
    enablePush: false,
    maxConcurrentStreams: limits.http2MaxConcurrentStreams,
    maxHeaderListSize: limits.maxHeaderBytes,
  },
};

function tlsOptions(tls: TlsTexts) {
  return {
    cert: tls.cert,
    key: tls.key,
    // An empty list trusts nobody; no list at all would trust every public CA.
    ca: [tls.clientCa, tls.operatorCa].filter((pem) => pem !== undefined),
    minVersion: "TLSv1.3" as const,
    requestCert: true,
    // A refused handshake dies silently at the client; the gate answers 401 with the reason instead.
    rejectUnauthorized: false,
    // Tickets would keep a client certificate alive past its checks; a handshake costs about 3 ms of CPU instead.
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: limits.handshakeTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
  };
}

/** With `allowHTTP1` options for HTTP/1.1 are ignored, but not properties set before `listen`. */
function setHttp1Limits(server: Http2SecureServer): void {
  Object.assign(server, {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.connectionsCheckingIntervalMs,
    maxHeaderSize: limits.maxHeaderBytes,
    requireHostHeader: true,
    // Asked by `close`. Node's own also cuts answers that are not written out yet; `Connections` ends what is idle.
    closeIdleConnections: () => undefined,
  });
}

/** Has no option: a TLS server makes its sockets itself, with Node's default of 16 KB. */
function writeAhead(socket: TLSSocket & { readonly _writableState?: { highWaterMark: number } }): void {
  if (socket._writableState !== undefined) socket._writableState.highWaterMark = limits.http1WriteAheadBytes;
}

/** Destroys the session when a PING stays unanswered until the next is due. @returns what stops it */
function pingRegularly(session: ServerHttp2Session): () => void {
  let unanswered = false;
  const timer = setInterval(() => {
    if (session.destroyed) return;
    if (unanswered) return session.destroy();
    unanswered = true;
    session.ping(() => {
      unanswered = false;
    });
  }, limits.http2PingMs);
  timer.unref();
  return () => clearInterval(timer);
}
