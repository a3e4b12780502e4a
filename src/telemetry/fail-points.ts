import type { FailPoint } from "../dispatch/ports.js";

/**
 * For tests that prove what survives a sudden death: `take-committed=3` kills the process, as `kill -9` does, when it
 * passes the named place for the third time. Without a value it does nothing.
 *
 * @throws Error for a value that is no `name=count`
 */
export function failPointFrom(value: string | undefined, kill: () => void = killSelf): FailPoint {
  if (value === undefined || value === "") return () => undefined;
  const [, place, count] = /^([a-z-]+)=(\d+)$/.exec(value) ?? [];
  if (place === undefined) throw new Error(`a fail point must be name=count, not "${value}"`);
  let left = Number(count);
  return (name) => {
    if (name !== place) return;
    left -= 1;
    if (left === 0) kill();
  };
}

function killSelf(): void {
  process.kill(process.pid, "SIGKILL");
}
