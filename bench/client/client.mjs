// The clients of one server, in a process of their own.

import { answerCalls } from "../support/calls.mjs";
import { optionsOf } from "../support/server-side.mjs";
import { Fleet } from "./fleet.mjs";
import { connectCalls, drain, emptyPolls, grpcCalls } from "./load.mjs";

const { certificates } = optionsOf(process.argv);
let port;
let fleet;

answerCalls({
  /** To be called first: what the rest is about. */
  useServer: (at) => {
    port = at;
    fleet = new Fleet({ port, certificates });
  },
  park: (count) => fleet.park(count),
  wake: (count, times) => fleet.wake(count, times),
  steady: (count, rate, seconds) => fleet.steady(count, rate, seconds),
  fanOut: (count, batchSize) => fleet.fanOut(count, batchSize),
  enqueueBatches: (batches) => fleet.enqueueBatches(batches),
  storm: (count) => fleet.storm(count),
  close: () => fleet.close(),
  drain: (load) => drain({ port, certificates, ...load }),
  emptyPolls: (load) => emptyPolls({ port, certificates, ...load }),
  connectCalls: (load) => connectCalls({ port, ...load }),
  grpcCalls: (load) => grpcCalls({ port, ...load }),
});
