// What Node can do with no product in the way: bare node:http or node:https that parks responses in a Map and answers
// them from there. No database, no history, no checks, no deadlines.

import { constants } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { answerCalls } from "../support/calls.mjs";
import { readCertificates, serverTls } from "../support/certificates.mjs";
import { listen, optionsOf, selfReport } from "../support/server-side.mjs";

const { certificates, port } = optionsOf(process.argv);

/** The response that waits, by host. */
const parked = new Map();
/** What waits for its host to ask. */
const queued = new Map();

function serve(request, response) {
  if (request.method === "POST") return enqueue(request, response);
  const host = request.headers["x-bench-host"];
  const waiting = queued.get(host)?.shift();
  if (waiting !== undefined) answer(response, waiting);
  else if (request.url.endsWith("wait=0")) response.writeHead(204).end();
  else parked.set(host, response);
}

function enqueue(request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { dispatches } = JSON.parse(Buffer.concat(chunks).toString());
    answer(response, { enqueued: dispatches.length });
    for (const dispatch of dispatches) handOut(dispatch);
  });
}

function handOut(dispatch) {
  const { hostname } = dispatch;
  const response = parked.get(hostname);
  if (response !== undefined) {
    parked.delete(hostname);
    answer(response, { ...dispatch, enqueued_at: new Date().toISOString() });
    return;
  }
  const waiting = queued.get(hostname);
  if (waiting === undefined) queued.set(hostname, [dispatch]);
  else waiting.push(dispatch);
}

function answer(response, value) {
  const body = JSON.stringify(value);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body);
}

function secureOptions() {
  const { cert, key, clientCa } = serverTls(readCertificates(certificates));
  const { SSL_OP_NO_TICKET } = constants;
  const asked = {
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    secureOptions: SSL_OP_NO_TICKET,
  };
  return { cert, key, ca: clientCa, ...asked };
}

const server = certificates === undefined ? createServer(serve) : createTlsServer(secureOptions(), serve);
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
const listening = await listen(server, port);

answerCalls(
  selfReport({
    port: listening,
    parked: () => parked.size,
  }),
);
