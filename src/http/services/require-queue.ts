import { DispatchError } from "../../dispatch/errors.js";
import type { Queue } from "../../dispatch/queue.js";

/** @throws DispatchError `no_queue` if the server runs without one */
export function requireQueue(queue: Queue | undefined): Queue {
  if (queue !== undefined) return queue;
  throw new DispatchError("no_queue", "this server runs without a queue (--db none)");
}
