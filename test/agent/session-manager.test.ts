import { once } from "node:events";
import { createServer, type Http2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SessionManager } from "../../src/agent/session-manager.js";

const server = createServer((_, response) => response.end());
let sessions: Http2Session[] = [];
server.on("session", (session) => sessions.push(session));
let manager: SessionManager;
beforeEach(async () => {
  sessions = [];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  manager = new SessionManager(`http://127.0.0.1:${port}`);
});
afterEach(async () => {
  for (const session of sessions) session.destroy();
  server.close();
  await once(server, "close");
});

/** A call that is over. @returns the session it was made on */
async function called(): Promise<Http2Session> {
  const stream = await manager.request("GET", "/", {}, {});
  const { session } = stream;
  stream.resume();
  await once(stream, "close");
  if (session === undefined) throw new Error("no session");
  return session;
}

test.each<[string, () => unknown]>([
  ["is closed", () => manager.abort()],
  ["makes the next call", () => called()],
])(
  "a manager whose server says goodbye to an idle session, and which %s just then, ends nobody's process",
  async (_, next) => {
    const session = await called();
    // Not `once` of node:events, which would hear the error itself.
    const goodbye = new Promise((resolve) => session.once("goaway", resolve));
    const closed = new Promise((resolve) => session.once("close", resolve));
    for (const served of sessions) served.close();
    await goodbye;
    // The session has been destroyed with an error, which is raised once its socket has ended.
    await next();
    await closed;
    expect(session.destroyed).toBe(true);
    manager.abort();
  },
);
