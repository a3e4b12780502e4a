import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { DispatchError } from "../dispatch/errors.js";
import { errorBody, errorHeaders, httpStatus } from "./errors.js";
import { type Health, healthAnswer, isHealthPath } from "./health.js";

/** The operator's own listener: plain HTTP, meant for loopback, without certificates and without the API. */
export class AdminListener {
  readonly #server: Server;

  constructor(health: Health) {
    this.#server = createServer((request, response) => {
      serve(health, request, response).catch((error: unknown) => fail(response, error));
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

async function serve(health: Health, { url = "", method }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = "", query = ""] = url.split("?");
  if (!isHealthPath(path)) throw new DispatchError("no_such_path", "served here: /livez, /readyz");
  const { status, body, contentType } = await healthAnswer(health, { method, path, query });
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" }).end(body);
}

function fail(response: ServerResponse, thrown: unknown): void {
  const error = DispatchError.from(thrown);
  const headers = { "content-type": "application/json", ...errorHeaders(error) };
  response.writeHead(httpStatus[error.reason], headers).end(errorBody(error));
}
