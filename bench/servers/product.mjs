// The built server, in a process of its own. Over mutual TLS it is what `serve` starts. Over plain HTTP the bench brings
// a listener of its own, which stands where TLS would: it says who is at the other end of a connection from a header. The
// program that is shipped has no such listener and no way to get one.

import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createParts } from "../../dist/src/app/parts.js";
import { connectionOf } from "../../dist/src/http/connections.js";
import { DirectReader, takeOver } from "../../dist/src/http/direct/reader.js";
import { limits } from "../../dist/src/http/limits.js";
import { createLog } from "../../dist/src/telemetry/log.js";
import { answerCalls } from "../support/calls.mjs";
import { readCertificates, serverTls } from "../support/certificates.mjs";
import { hostname } from "../support/dispatches.mjs";
import { listen, optionsOf, selfReport } from "../support/server-side.mjs";
import { broadcast, takeOneByOne } from "./broadcast.mjs";

const { certificates, db, wire, port = 0, isBroadcast = false, logLevel = "warn" } = optionsOf(process.argv);

if (isBroadcast) takeOneByOne();
const parts = await createParts({
  adminListen: "none",
  tls: serverTls(readCertificates(certificates)),
  db: { kind: "sqlite", path: db },
  agentCnSuffix: "fleet.lab.internal",
  operatorCn: ["operator-*"],
  revocations: undefined,
  pollsPerHost: 4,
  sweepMs: 30_000,
  drainTimeoutMs: 10_000,
  log: createLog({ level: logLevel, format: "json", isTty: false, colour: false }),
});
if (isBroadcast) broadcast(parts.queue);

const certs = new Map();

/** What the TLS listener would have read of the certificate of this Common Name. */
function certOf(commonName) {
  let cert = certs.get(commonName);
  if (cert === undefined) {
    cert = {
      verifyError: undefined,
      commonNames: [commonName],
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
      notBeforeMs: Date.now() - 60_000,
      notAfterMs: Date.now() + 86_400_000,
      issuedUnder: "clientCa",
    };
    certs.set(commonName, cert);
  }
  return cert;
}

function nameCaller(request, connection) {
  const commonName = request.headers["x-bench-host"];
  if (commonName !== undefined) connection.cert = certOf(commonName);
}

function serve(request, response) {
  nameCaller(request, connectionOf(request));
  parts.front.serve(request, response);
}

const direct = {
  takesDirect: (request) => parts.front.takesDirect(request),
  isOpenTo: (connection) => parts.front.isOpenTo(connection),
  serveDirect(request, response) {
    nameCaller(request, response.connection);
    parts.front.serveDirect(request, response);
  },
};

/** A connection belongs to a host of its own until a header says otherwise. */
let connected = 0;
function admit(socket) {
  connected += 1;
  return parts.listener.connections.add(socket, certOf(hostname(connected)));
}

async function listenPlain(server) {
  server.keepAliveTimeout = limits.keepAliveTimeoutMs;
  return listen(server, port);
}

/** As the listener has it behind TLS. */
function createDirectServer() {
  const server = createServer(serve);
  const handOver = takeOver(server, "connection");
  server.on("connection", (socket) => new DirectReader({ connection: admit(socket), server: direct, handOver }));
  return server;
}

const listeners = {
  plain: () => listenPlain(createDirectServer()),
  h2c: () => listenPlain(createHttp2Server(serve).prependListener("connection", admit)),
  mtls: () => parts.listener.listen("127.0.0.1", port),
};
const listening = await listeners[wire]();

answerCalls(selfReport({ port: listening, parked: () => parts.queue.polls.size }));
