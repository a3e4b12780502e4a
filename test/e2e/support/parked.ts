import type { TestServer } from "./server.js";

/** Counts the polls of a host that have parked, from the debug log: a test waits for that instead of sleeping. */
export async function untilParked(server: TestServer, hostname: string, times = 1): Promise<void> {
  const isIt = (line: { msg?: string; hostname?: unknown }) => line.msg === "parked" && line.hostname === hostname;
  await server.logged((line) => isIt(line) && server.log.filter(isIt).length >= times);
}

/** How many have parked so far: what the next `untilParked` of a shared server has to count from. */
export function parkedSoFar(server: TestServer, hostname: string): number {
  return server.log.filter((line) => line.msg === "parked" && line.hostname === hostname).length;
}
