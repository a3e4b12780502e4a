// As fast as it goes: takes of what waits, polls that find nothing, enqueues, and the take on the RPC wires.

import { atLeast, row } from "../support/row.mjs";
import { interleaved } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";
import { insertBare } from "./bare-sqlite.mjs";

export async function drain(bench, { rounds, drain: { hosts, each, connections } }) {
  return withSubjects({ product: () => bench.product(), floor: () => bench.floor() }, async ({ product, floor }) => {
    const measure = async (subject) => {
      await subject.client.call("enqueueBatches", { count: hosts * each, batchSize: 1_000, hosts });
      return subject.client.call("drain", { connections, hosts, each });
    };
    for (const subject of [product, floor]) await measure(subject);
    const taken = await interleaved(rounds, { product: () => measure(product), floor: () => measure(floor) });
    const what = `${(hosts * each).toLocaleString("en")} queued, ${connections} connections`;
    return [row("drain", what, "takes/s", taken, [atLeast(0.5, taken.product, taken.floor, "floor")])];
  });
}

export async function emptyPoll(bench, { rounds, emptyPoll: load }) {
  return withSubjects({ product: () => bench.product(), floor: () => bench.floor() }, async ({ product, floor }) => {
    const measure = (subject) => subject.client.call("emptyPolls", load);
    for (const subject of [product, floor]) await measure(subject);
    const taken = await interleaved(rounds, { product: () => measure(product), floor: () => measure(floor) });
    const bar = atLeast(0.7, taken.product, taken.floor, "floor");
    return [row("empty poll", `${load.connections} connections, wait=0`, "requests/s", taken, [bar])];
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
