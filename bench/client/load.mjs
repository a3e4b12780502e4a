// Requests as fast as they are answered, over a few connections.

import { connect as connectHttp2 } from "node:http2";
import { Credentials } from "./credentials.mjs";
import { pollText, rpcText } from "./requests.mjs";
import { openWire } from "./wire.mjs";

/**
 * Takes until every host of the first `hosts` has had `each`, every dispatch once. With certificates a connection is one
 * host's, so there are as many of either.
 *
 * @returns takes per second
 */
export async function drain({ port, certificates, connections, hosts, each }) {
  const wires = await openAll(port, connections, certificates);
  const seen = new Set();
  const startedMs = performance.now();
  await Promise.all(wires.map((wire, n) => takeAll(wire, { first: n, step: connections, hosts, each, seen })));
  const seconds = (performance.now() - startedMs) / 1_000;
  for (const wire of wires) wire.close();
  if (seen.size !== hosts * each) throw new Error(`${seen.size} different dispatches instead of ${hosts * each}`);
  return seen.size / seconds;
}

function takeAll(wire, { first, step, hosts, each, seen }) {
  return new Promise((resolve, reject) => {
    let i = first;
    let round = 0;
    const onAnswer = (status, body) => {
      if (status !== 200) return reject(new Error(`a take got ${status}`));
      const key = body.slice(0, body.indexOf('"target_closure"'));
      if (seen.has(key)) return reject(new Error(`twice: ${key}`));
      seen.add(key);
      next();
    };
    const next = () => {
      if (round === each) return resolve();
      const text = pollText(i, 0);
      i += step;
      if (i >= hosts) {
        i = first;
        round += 1;
      }
      wire.send(text, onAnswer);
    };
    next();
  });
}

/** @returns requests per second, each answered with 204 */
export async function emptyPolls({ port, certificates, connections, seconds }) {
  const wires = await openAll(port, connections, certificates);
  return perSecond(wires, seconds, (i) => pollText(i, 0), 204);
}

const rpcBodies = { json: ["application/json", '{"wait":"0"}'], binary: ["application/proto", "\x08\x00"] };

/** @returns calls per second of TakeDispatch that find nothing, through Connect over HTTP/1.1 */
export async function connectCalls({ port, connections, seconds, encoding }) {
  const wires = await openAll(port, connections);
  const [contentType, body] = rpcBodies[encoding];
  return perSecond(wires, seconds, (i) => rpcText(contentType, body, i), 200);
}

async function perSecond(wires, seconds, textOf, expected) {
  let answered = 0;
  let isOver = false;
  const startedMs = performance.now();
  const loops = wires.map(
    (wire, i) =>
      new Promise((resolve, reject) => {
        const text = textOf(i);
        const onAnswer = (status) => {
          if (status !== expected) return reject(new Error(`a request got ${status}`));
          answered += 1;
          if (isOver) resolve();
          else wire.send(text, onAnswer);
        };
        wire.send(text, onAnswer);
      }),
  );
  setTimeout(() => {
    isOver = true;
  }, seconds * 1_000);
  await Promise.all(loops);
  const rate = answered / ((performance.now() - startedMs) / 1_000);
  for (const wire of wires) wire.close();
  return rate;
}

/** The same call through gRPC, over a few HTTP/2 connections. */
export async function grpcCalls({ port, sessions, streams, seconds }) {
  const all = Array.from({ length: sessions }, () => connectHttp2(`http://127.0.0.1:${port}`));
  let answered = 0;
  let isOver = false;
  const startedMs = performance.now();
  const loop = async (session) => {
    while (!isOver) {
      await grpcCall(session);
      answered += 1;
    }
  };
  setTimeout(() => {
    isOver = true;
  }, seconds * 1_000);
  await Promise.all(all.flatMap((session) => Array.from({ length: streams }, () => loop(session))));
  const rate = answered / ((performance.now() - startedMs) / 1_000);
  for (const session of all) session.close();
  return rate;
}

/** A frame of two bytes: `wait` = 0. */
const grpcFrame = Buffer.from([0, 0, 0, 0, 2, 8, 0]);

function grpcCall(session) {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/nixfleet.dispatch.v1.AgentService/TakeDispatch",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("trailers", (trailers) => {
      if (trailers["grpc-status"] !== "0") reject(new Error(`gRPC: ${trailers["grpc-message"]}`));
    });
    stream.on("error", reject);
    stream.on("close", resolve);
    stream.resume();
    stream.end(grpcFrame);
  });
}

/** @param certificates the path of a file of `support/make-certificates.mjs`; `undefined`: plain TCP */
function openAll(port, connections, certificates) {
  const credentials = new Credentials(certificates);
  return Promise.all(Array.from({ length: connections }, (_, i) => openWire(port, credentials.of(i))));
}
