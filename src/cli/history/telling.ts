import { formatSpan } from "../../words/elapsed.js";
import type { Telling } from "../../words/explanation.js";
import { localTime, utcTime } from "../../words/times.js";
import type { Io } from "../io.js";
import { printWarning } from "../output.js";
import type { ServerClock } from "./server-clock.js";

/** For people: by the clock of this machine unless `utc`, with distances from what time it is at the server. */
export function tellingFor(clock: ServerClock, utc: boolean, io: Io): Telling {
  if (clock.aheadMs !== 0) {
    const side = clock.aheadMs > 0 ? "ahead of" : "behind";
    const apart = formatSpan(Math.abs(clock.aheadMs));
    printWarning(io, `the server's clock is ${apart} ${side} this machine's; what is "ago" is by the server's`);
  }
  return { now: clock.now(), time: utc ? utcTime : localTime };
}
