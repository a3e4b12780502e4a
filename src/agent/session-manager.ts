import type { Http2Session } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";

/**
 * A server that drains says GOAWAY. Where no call is under way then, connect-es 2.1 destroys the session with an error, and
 * stops listening for it when the manager is asked for a new session, or to close, before the socket has ended. The error
 * would end the process (connectrpc/connect-es issue 1768): this listens on, and leaves what follows to the manager.
 */
export class SessionManager extends Http2SessionManager {
  readonly #heard = new WeakSet<Http2Session>();

  override async request(...args: Parameters<Http2SessionManager["request"]>) {
    const stream = await super.request(...args);
    const { session } = stream;
    if (session !== undefined && !this.#heard.has(session)) {
      this.#heard.add(session);
      session.on("error", () => undefined);
    }
    return stream;
  }
}
