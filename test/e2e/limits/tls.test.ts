import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { type ConnectionOptions, connect as connectTls, type SecureVersion } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { dispatchPath, HttpClient } from "../support/client.js";
import { connectHttp2 } from "../support/http2.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
});
/** Whatever a client did: the server goes on serving the others. */
afterEach(async () => {
  expect((await new HttpClient(server, pki, await pki.agent("web-01")).poll("?wait=0")).status).toBe(204);
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  pki.remove();
});

/** @returns the TLS version that client and server agree on, or the error that the client sees */
async function handshake(version: SecureVersion): Promise<string> {
  const { certPem: cert, keyPem: key } = await pki.agent("web-01");
  const options = { ca: pki.ca.certPem, cert, key, servername: "localhost", minVersion: version, maxVersion: version };
  const socket = connectTls({ host: "127.0.0.1", port: server.port, ...options });
  const agreed = once(socket, "secureConnect").then(() => socket.getProtocol() ?? "");
  const outcome = await agreed.catch((error) => String(error.code));
  socket.destroy();
  return outcome;
}

/** One poll on a connection of its own. */
async function visit(credentials: ConnectionOptions) {
  const options = { ca: pki.ca.certPem, servername: "localhost", ALPNProtocols: ["http/1.1"], ...credentials };
  const socket = connectTls({ host: "127.0.0.1", port: server.port, ...options });
  let session: Buffer | undefined;
  socket.on("session", (ticket) => {
    session = ticket;
  });
  await once(socket, "secureConnect");
  const reused = socket.isSessionReused();
  socket.write(`GET ${dispatchPath}?wait=0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const answer = Buffer.concat(await socket.toArray()).toString();
  return { session, reused, status: Number(answer.slice("HTTP/1.1 ".length).slice(0, 3)) };
}

/** Sends bytes over bare TCP. @returns what came back until the server closed the connection */
async function sendTcp(bytes: string | Buffer): Promise<Buffer> {
  const socket = connectTcp(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(bytes);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks);
}

describe("TLS", () => {
  test("1.3 is spoken", async () => {
    expect(await handshake("TLSv1.3")).toBe("TLSv1.3");
  });

  test.each(["TLSv1.2", "TLSv1.1"] as const)("%s is refused", async (version) => {
    expect(await handshake(version)).toMatch(/PROTOCOL_VERSION|NO_PROTOCOLS/);
  });

  test("a session is never resumed: it would outlive the checks of its certificate", async () => {
    const { certPem: cert, keyPem: key } = await pki.agent("web-01");
    const first = await visit({ cert, key });
    expect(first).toMatchObject({ reused: false, status: 204 });
    // OpenSSL gives the client a ticket all the same, which stands for nothing.
    const { session } = first;
    if (session === undefined) throw new Error("there was no ticket to try");
    expect(await visit({ session })).toMatchObject({ reused: false, status: 401 });
  });

  test("a client that speaks plain HTTP gets no HTTP", async () => {
    expect((await sendTcp("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")).toString("latin1")).not.toContain("HTTP/");
  });

  test("a client that speaks garbage is cut", async () => {
    const before = server.log.filter(({ msg }) => msg === "TLS handshake failed").length;
    await sendTcp(Buffer.alloc(5_000, 0xa5));
    // A record that announces a handshake, with nonsense in it.
    await sendTcp(Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x00, 0x64]), Buffer.alloc(100, 0xff)]));
    await server.logged(
      ({ msg }) =>
        msg === "TLS handshake failed" &&
        server.log.filter((line) => line.msg === "TLS handshake failed").length >= before + 2,
    );
  });

  test("many that connect and vanish do no harm", async () => {
    const sockets = Array.from({ length: 200 }, () => connectTcp(server.port, "127.0.0.1"));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    for (const socket of sockets) socket.resetAndDestroy();
  });

  test("ALPN without h2 and http/1.1 is refused", async () => {
    const options = { ca: pki.ca.certPem, servername: "localhost", ALPNProtocols: ["spdy/3"] };
    const socket = connectTls({ host: "127.0.0.1", port: server.port, ...options });
    await expect(once(socket, "secureConnect")).rejects.toThrow(/no application protocol/i);
  });
});

describe("HTTP/2 SETTINGS", () => {
  test("100 streams at a time, header lists of 16 KiB, no push", async () => {
    const session = await connectHttp2(server, pki, await pki.agent("web-01"));
    const [settings] = await once(session, "remoteSettings");
    expect(settings).toMatchObject({ maxConcurrentStreams: 100, maxHeaderListSize: 16_384, enablePush: false });
    session.destroy();
  });
});
