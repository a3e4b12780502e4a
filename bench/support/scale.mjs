// How much of each work is done. `full` is what docs/performance.md shows; `quick` is over in less than two minutes.

export const full = {
  rounds: 3,
  wake: { sizes: [10, 100, 1_000, 5_000], tlsSizes: [1_000], times: 200, warmUp: 100 },
  fanOut: {
    sizes: [1_000, 5_000, 9_000],
    tlsSizes: [1_000, 5_000, 9_000],
    batchSize: 1_000,
    warmUp: 30_000,
    broadcastAt: [9_000],
    peersAt: 5_000,
  },
  steady: { parked: 5_000, perSecond: 50, seconds: 30, warmUp: 3_000 },
  steadyTls: { parked: 5_000, perSecond: 50, seconds: 15, warmUp: 3_000 },
  drain: { hosts: 2_000, each: 10, connections: 64 },
  emptyPoll: { connections: 64, seconds: 3 },
  enqueue: { count: 100_000, batchSize: 1_000, hosts: 10_000 },
  loadTls: { connections: 64, each: 300, seconds: 3 },
  minimal: { parked: 1_000 },
  memory: { parked: 9_000, parkedTls: 3_000 },
  storm: { agents: 5_000 },
  age: { events: 1_000_000, pending: 100_000, parked: 1_000, wakes: 200, hosts: 2_000, each: 5, enqueued: 30_000 },
  rpc: { connections: 64, seconds: 2, sessions: 4, streams: 16 },
};

export const quick = {
  rounds: 3,
  wake: { sizes: [10, 3_000], tlsSizes: [], times: 60, warmUp: 50 },
  fanOut: {
    sizes: [2_000],
    tlsSizes: [300],
    batchSize: 1_000,
    warmUp: 1_500,
    broadcastAt: [300],
    peersAt: 1_000,
  },
  steady: { parked: 500, perSecond: 50, seconds: 1, warmUp: 1_500 },
  steadyTls: undefined,
  drain: { hosts: 1_000, each: 6, connections: 64 },
  emptyPoll: { connections: 64, seconds: 0.4 },
  enqueue: { count: 20_000, batchSize: 1_000, hosts: 10_000 },
  loadTls: undefined,
  memory: { parked: 3_000, parkedTls: 150 },
  storm: { agents: 200 },
  age: { events: 50_000, pending: 5_000, parked: 200, wakes: 50, hosts: 500, each: 4, enqueued: 5_000 },
  rpc: { connections: 64, seconds: 0.25, sessions: 4, streams: 16 },
};
