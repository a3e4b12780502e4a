import { once } from "node:events";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import type { Credentials } from "../connect.js";

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** What the answer came over. */
  readonly socket: Socket;
}

/** One connection to the server on HTTP/1.1, which is kept between calls. */
export class KeptConnection {
  readonly #server: URL;
  readonly #agent: Agent;

  constructor(server: URL, credentials: Credentials) {
    this.#server = server;
    this.#agent = new Agent({ ...credentials, keepAlive: true, maxSockets: 1 });
  }

  /** @throws the system's error, or the signal's reason */
  async get(path: string, signal: AbortSignal): Promise<Answer> {
    const outgoing = request(new URL(path, this.#server), { agent: this.#agent, signal }).end();
    const [response] = await once(outgoing, "response");
    const { socket } = response;
    let body = "";
    for await (const chunk of response.setEncoding("utf8")) body += chunk;
    return { status: response.statusCode ?? 0, body, socket };
  }

  close(): void {
    this.#agent.destroy();
  }
}
