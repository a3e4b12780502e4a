// As fast as it goes: takes of what waits, polls that find nothing, enqueues, and the take on the RPC wires.

import { atLeast, row } from "../support/row.mjs";
import { interleaved, interleavedOver } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";
import { insertBare } from "./bare-sqlite.mjs";

export async function drain(bench, { rounds, drain: scale }) {
  const { hosts, each, connections } = scale;
  const what = `${(hosts * each).toLocaleString("en")} queued, ${connections} connections`;
  const taken = await drainOver({ product: () => bench.product(), floor: () => bench.floor() }, rounds, scale);
  return [row("drain", what, "takes/s", taken, [atLeast(0.5, taken.product, taken.floor, "floor")])];
}

export async function emptyPoll(bench, { rounds, emptyPoll: load }) {
  const taken = await emptyPollOver({ product: () => bench.product(), floor: () => bench.floor() }, rounds, load);
  const bar = atLeast(0.7, taken.product, taken.floor, "floor");
  return [row("empty poll", `${load.connections} connections, wait=0`, "requests/s", taken, [bar])];
}

/** Both over mTLS, without targets of their own: what TLS adds is the same for product and floor. */
export async function loadTls(bench, { rounds, loadTls: load }) {
  if (load === undefined) return [];
  const { connections, each } = load;
  await bench.withAgents(connections);
  const starters = { product: () => bench.product({ wire: "mtls" }), floor: () => bench.floor("mtls") };
  const queued = `mTLS, ${(connections * each).toLocaleString("en")} queued, ${connections} connections`;
  return [
    row("drain", queued, "takes/s", await drainOver(starters, rounds, { ...load, hosts: connections })),
    row(
      "empty poll",
      `mTLS, ${connections} connections, wait=0`,
      "requests/s",
      await emptyPollOver(starters, rounds, load),
    ),
  ];
}

export function drainOver(starters, rounds, { hosts, each, connections }) {
  return inTurns(starters, rounds, async ({ client }) => {
    await client.call("enqueueBatches", { count: hosts * each, batchSize: 1_000, hosts });
    return client.call("drain", { connections, hosts, each });
  });
}

function emptyPollOver(starters, rounds, { connections, seconds }) {
  return inTurns(starters, rounds, ({ client }) => client.call("emptyPolls", { connections, seconds }));
}

/** After a warm-up of each. */
function inTurns(starters, rounds, measure) {
  return withSubjects(starters, async (subjects) => {
    for (const subject of Object.values(subjects)) await measure(subject);
    return interleavedOver(subjects, rounds, measure);
  });
}

export async function enqueue(bench, { rounds, enqueue: { count, batchSize, hosts } }) {
  return withSubjects({ product: () => bench.product() }, async ({ product }) => {
    const measure = async () =>
      count / ((await product.client.call("enqueueBatches", { count, batchSize, hosts })) / 1_000);
    const bare = async () => count / ((await insertBare(bench.newDatabase(), { count, batchSize, hosts })) / 1_000);
    await measure();
    await bare();
    const taken = await interleaved(rounds, { product: measure, "bare SQLite": bare });
    const bar = atLeast(0.35, taken.product, taken["bare SQLite"], "bare SQLite");
    return [row("enqueue", `${count.toLocaleString("en")} in batches of ${batchSize}`, "dispatches/s", taken, [bar])];
  });
}

export async function rpcWires(bench, { rounds, rpc: { connections, seconds, sessions, streams } }) {
  const wires = {
    "Connect JSON": ["plain", (client) => client.call("connectCalls", { connections, seconds, encoding: "json" })],
    "Connect binary": ["plain", (client) => client.call("connectCalls", { connections, seconds, encoding: "binary" })],
    gRPC: ["h2c", (client) => client.call("grpcCalls", { sessions, streams, seconds })],
  };
  const rows = [];
  for (const [name, [wire, call]] of Object.entries(wires)) {
    const starters = { product: () => bench.product({ wire }), "bare adapter": () => bench.bareRpc(wire) };
    await withSubjects(starters, async ({ product, "bare adapter": bare }) => {
      for (const { client } of [product, bare]) await call(client);
      const taken = await interleaved(rounds, {
        product: () => call(product.client),
        "bare adapter": () => call(bare.client),
      });
      const bar = atLeast(0.85, taken.product, taken["bare adapter"], "bare adapter");
      rows.push(row("RPC wires", `TakeDispatch, ${name}`, "calls/s", taken, [bar]));
    });
  }
  return rows;
}
