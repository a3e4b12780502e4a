// The least that keeps what it is given: bare node:http before one table of better-sqlite3, `synchronous=FULL`, all that comes in
// a turn of the event loop in one transaction, and a Map of the parked, of whom an enqueue wakes those whom it concerns. It knows
// nobody, checks nothing, ends no wait, has no leases and no history, and forgets what it hands to a dead connection.

import { createServer } from "node:http";
import Database from "better-sqlite3";
import { answerCalls } from "../support/calls.mjs";
import { listen, optionsOf, selfReport } from "../support/server-side.mjs";

const { db } = optionsOf(process.argv);
const client = new Database(db);
client.pragma("journal_mode = WAL");
client.pragma("synchronous = FULL");
client.pragma("wal_autocheckpoint = 8000");
client.exec("CREATE TABLE dispatches (id INTEGER PRIMARY KEY, hostname TEXT, body TEXT, is_taken INTEGER)");
client.exec("CREATE INDEX waiting ON dispatches (hostname, id) WHERE is_taken = 0");

const insert = client.prepare("INSERT INTO dispatches (hostname, body, is_taken) VALUES (?, ?, 0)");
const oldest = client
  .prepare("SELECT id, body FROM dispatches WHERE hostname = ? AND is_taken = 0 ORDER BY id LIMIT abs(1)")
  .raw(true);
const take = client.prepare("UPDATE dispatches SET is_taken = 1 WHERE id = ?");
const transaction = client.transaction((work) => work()).immediate;

/** The response that waits, by host. */
const parked = new Map();
/** What has come in this turn. */
let enqueues = [];
let polls = [];

function serve(request, response) {
  if (request.method === "POST") readEnqueue(request, response);
  else inThisTurn(() => polls.push({ response, hostname: hostOf(request), waits: !request.url.endsWith("wait=0") }));
}

function hostOf(request) {
  return request.headers["x-bench-host"];
}

function readEnqueue(request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { dispatches } = JSON.parse(Buffer.concat(chunks).toString());
    inThisTurn(() => enqueues.push({ response, dispatches }));
  });
}

function inThisTurn(add) {
  if (enqueues.length + polls.length === 0) setImmediate(commit);
  add();
}

function commit() {
  const answers = [];
  transaction(() => {
    for (const enqueue of enqueues) answers.push([enqueue.response, keep(enqueue.dispatches)]);
    for (const poll of polls) look(poll, answers);
  });
  enqueues = [];
  polls = [];
  for (const [response, body] of answers) answer(response, body);
}

function keep(dispatches) {
  for (const dispatch of dispatches) {
    const { hostname } = dispatch;
    insert.run([hostname, JSON.stringify({ ...dispatch, enqueued_at: new Date().toISOString() })]);
    const response = parked.get(hostname);
    if (response === undefined) continue;
    parked.delete(hostname);
    polls.push({ response, hostname, waits: true });
  }
  return JSON.stringify({ enqueued: dispatches.length });
}

function look({ response, hostname, waits }, answers) {
  const found = oldest.get([hostname]);
  if (found !== undefined) {
    take.run([found[0]]);
    answers.push([response, found[1]]);
  } else if (waits) parked.set(hostname, response);
  else answers.push([response, undefined]);
}

function answer(response, body) {
  if (body === undefined) response.writeHead(204).end();
  else {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    response.writeHead(200, headers).end(body);
  }
}

const server = createServer(serve);
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
const listening = await listen(server);

answerCalls(selfReport({ port: listening, parked: () => parked.size }));
