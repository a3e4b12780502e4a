import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Issued } from "../../../src/pki/issue.js";
import type { TestPki } from "./pki.js";
import type { TestServer } from "./server.js";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export const dispatchPath = "/v1/agent/dispatch";

/** A plain HTTP/1.1 client that is not ours: node:https, one connection per call. */
export class HttpClient {
  readonly #agent: Agent;
  readonly #server: Pick<TestServer, "port">;

  /**
   * @param identity `undefined` to come without a certificate
   * @param pool `keepAlive` for all calls on one connection, one after the other, as an agent in the field makes them
   */
  constructor(
    server: Pick<TestServer, "port">,
    pki: Pick<TestPki, "ca">,
    identity: Issued | undefined,
    { keepAlive = false }: { readonly keepAlive?: boolean } = {},
  ) {
    this.#server = server;
    const credentials = identity && { cert: identity.certPem, key: identity.keyPem };
    this.#agent = new Agent({ ca: pki.ca.certPem, ...credentials, ...(keepAlive && { keepAlive, maxSockets: 1 }) });
  }

  /** Closes what is kept alive. */
  close(): void {
    this.#agent.destroy();
  }

  ask(path: string, { method = "GET", headers = {}, body, signal }: Ask = {}): Promise<Reply> {
    const options = {
      host: "localhost",
      servername: "localhost",
      port: this.#server.port,
      path,
      method,
      headers,
      agent: this.#agent,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...options, ...(signal && { signal }) }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode = 0, headers: answered } = response;
          resolve({ status: statusCode, headers: answered, body: Buffer.concat(chunks).toString() });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  poll(query = "", options: Ask = {}): Promise<Reply> {
    return this.ask(`${dispatchPath}${query}`, options);
  }

  async enqueue(...dispatches: readonly WireDispatch[]): Promise<Reply> {
    return this.post("/v1/dispatches", { dispatches });
  }

  async post(path: string, value: unknown): Promise<Reply> {
    const headers = { "content-type": "application/json" };
    return this.ask(path, { method: "POST", headers, body: JSON.stringify(value) });
  }
}

export interface WireDispatch {
  readonly hostname: string;
  readonly rollout_id: string;
  readonly target_closure: string;
  readonly soak_due_at: string;
  readonly not_before?: string;
  readonly not_after?: string;
  readonly max_attempts?: number;
}

export function wireDispatch(hostname: string, changes: Partial<WireDispatch> = {}): WireDispatch {
  return {
    hostname,
    rollout_id: "stable@a1b2c3d4",
    target_closure: `/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-${hostname}-26.05`,
    soak_due_at: "2026-05-16T01:30:00Z",
    ...changes,
  };
}

/** A bare TLS connection, for what no HTTP client does: half-closing, resetting, pipelining, not reading. */
export async function connectRaw(
  server: TestServer,
  pki: TestPki,
  identity: Issued,
): Promise<{ readonly tls: TLSSocket; readonly tcp: Socket }> {
  const tcp = connectTcp({ host: "127.0.0.1", port: server.port });
  const { certPem: cert, keyPem: key } = identity;
  const tls = connectTls({
    socket: tcp,
    servername: "localhost",
    ca: pki.ca.certPem,
    cert,
    key,
    ALPNProtocols: ["http/1.1"],
  });
  await once(tls, "secureConnect");
  // What the server does to a connection is for the test to look at.
  tls.on("error", () => undefined);
  return { tls, tcp };
}

export function rawPoll(query = "?wait=60"): string {
  return `GET ${dispatchPath}${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}
