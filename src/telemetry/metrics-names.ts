import type { Wire } from "../dispatch/origin.js";

/** Every metric of the program's own begins so. */
export const prefix = "nixfleet_dispatch_";

export const wires = ["http", "connect", "grpc", "grpc-web"] as const satisfies readonly Wire[];

/** From half a millisecond, a commit on a fast disk, to seconds, an event loop that stands still. */
export const workSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** From a host that was parked to one that was away for a week. */
export const waitSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 43_200, 604_800];
