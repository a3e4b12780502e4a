import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { DispatchError } from "../dispatch/errors.js";
import { errorBody, errorHeaders, httpStatus } from "./errors.js";
import { assertReads, type Health, healthAnswer, isHealthPath } from "./health.js";

/** What a monitoring system reads. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** The operator's own listener: plain HTTP, meant for loopback, without certificates and without the API. */
export class AdminListener {
  readonly #server: Server;

  constructor(health: Health, metrics: MetricsPage) {
    this.#server = createServer((request, response) => {
      serve({ health, metrics }, request, response).catch((error: unknown) => fail(response, error));
    });
  }

  /** @throws the system's error, EADDRINUSE for one */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => resolve());
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    return address.port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function serve(
  { health, metrics }: { readonly health: Health; readonly metrics: MetricsPage },
  { url = "", method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = "", query = ""] = url.split("?");
  if (path === "/metrics") {
    assertReads(method);
    return write(response, { status: 200, body: await metrics.text(), contentType: metrics.contentType });
  }
  if (!isHealthPath(path)) throw new DispatchError("no_such_path", "served here: /livez, /metrics, /readyz");
  write(response, await healthAnswer(health, { method, path, query }));
}

function write(
  response: ServerResponse,
  { status, body, contentType }: { readonly status: number; readonly body: string; readonly contentType: string },
): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" }).end(body);
}

function fail(response: ServerResponse, thrown: unknown): void {
  const error = DispatchError.from(thrown);
  const headers = { "content-type": "application/json", ...errorHeaders(error) };
  response.writeHead(httpStatus[error.reason], headers).end(errorBody(error));
}
