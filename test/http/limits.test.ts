import { once } from "node:events";
import { ServerResponse } from "node:http";
import { connect } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { maxWaitSeconds } from "../../src/dispatch/wait.js";
import { limits } from "../../src/http/limits.js";
import { Listening } from "./listening.js";

let server: Listening;
beforeEach(async () => {
  server = await Listening.start();
});
afterEach(() => server.stop());

/** Everything that comes back until the server ends the connection. */
async function rawAnswer(request: string): Promise<string> {
  const { tls } = await server.raw();
  let text = "";
  tls.on("data", (bytes) => {
    text += String(bytes);
  });
  tls.write(request);
  await once(tls, "close");
  return text;
}

describe("over HTTP/1.1", () => {
  test("headers that are too long get 431 and the end of the connection", async () => {
    const long = "a".repeat(limits.maxHeaderBytes);
    expect(await rawAnswer(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${long}\r\n\r\n`)).toBe(
      "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n",
    );
  });

  test("what is not HTTP gets 400 and the end of the connection", async () => {
    expect(await rawAnswer("HELO there\r\n\r\n")).toBe("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });

  test("a request without a host gets 400", async () => {
    expect(await rawAnswer("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  });

  test("an idle connection is kept for longer than agents keep theirs", async () => {
    const { tls } = await server.raw();
    tls.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const { response } = await server.next();
    if (!(response instanceof ServerResponse)) throw new Error("not HTTP/1.1");
    response.end();
    const [bytes] = await once(tls, "data");
    const [, seconds] = /Keep-Alive: timeout=(\d+)/.exec(String(bytes)) ?? [];
    expect(Number(seconds)).toBe(limits.keepAliveTimeoutMs / 1_000);
    expect(Number(seconds)).toBeGreaterThan(90);
  });
});

describe("over HTTP/2", () => {
  test("the server says how much it takes", async () => {
    const session = await server.http2();
    expect(session.remoteSettings).toMatchObject({
      maxConcurrentStreams: limits.http2MaxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
    });
  });

  test("headers that are too long end their stream, and no request comes of them", async () => {
    const session = await server.http2();
    const stream = session.request({ ":path": "/", "x-long": "a".repeat(limits.maxHeaderBytes) });
    const [error] = await once(stream, "error");
    expect(error.code).toBe("ERR_HTTP2_STREAM_ERROR");
    session.request({ ":path": "/after" }).on("error", () => undefined);
    expect((await server.next()).exchange.path).toBe("/after");
  });

  test("a peer that opens and resets streams without end is sent away", async () => {
    const { tls } = await server.raw(server.agent, "h2");
    const goaway = 7;
    const sentAway = new Promise<void>((resolve) => {
      tls.on("data", (bytes: Buffer) => {
        for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
          if (bytes[at + 3] === goaway) resolve();
      });
    });
    tls.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`);
    tls.write(frame({ type: 4, flags: 0, stream: 0, payload: "" }));
    for (let stream = 1; stream < 4_000; stream += 2) {
      // GET https /, the authority "a"; and CANCEL.
      tls.write(frame({ type: 1, flags: 5, stream, payload: "828784410161" }));
      tls.write(frame({ type: 3, flags: 0, stream, payload: "00000008" }));
    }
    await sentAway;
  });
});

/** One frame of HTTP/2; the payload in hex. */
function frame({
  type,
  flags,
  stream,
  payload,
}: {
  type: number;
  flags: number;
  stream: number;
  payload: string;
}): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length / 2, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, Buffer.from(payload, "hex")]);
}

describe("TLS", () => {
  test("older than 1.3 is refused", async () => {
    const old = connect({ host: "127.0.0.1", port: server.port, ca: server.ca.certPem, maxVersion: "TLSv1.2" });
    const [error] = await once(old, "error");
    expect(error.code).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  });

  test("sessions are never resumed, so that no certificate outlives its checks", async () => {
    const trust = { host: "127.0.0.1", port: server.port, servername: "localhost", ca: server.ca.certPem };
    const own = { cert: server.agent.certPem, key: server.agent.keyPem };
    const first = connect({ ...trust, ...own });
    const session: Buffer[] = [];
    first.on("session", (ticket: Buffer) => session.push(ticket));
    first.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const { response } = await server.next();
    if (response instanceof ServerResponse) response.end();
    await once(first.resume(), "close");
    const second = connect({ ...trust, ...own, session: session[0] ?? first.getSession() });
    await once(second, "secureConnect");
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
  });
});

test("waits end before a proxy's minute is up, and time-outs for requests do not reach them", () => {
  expect(limits.headersTimeoutMs).toBeLessThan(limits.requestTimeoutMs);
  expect(limits.keepAliveTimeoutMs).toBeGreaterThan(maxWaitSeconds * 1_000);
});
