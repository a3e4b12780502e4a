import { type Instant, instantFromMs } from "../../dispatch/instant.js";

/** The `Date` header has whole seconds and is a little old when it arrives: less than this is no difference. */
const negligibleMs = 2_000;

/** What time it is where the instants come from: a laptop's wrong clock must not make a lease look over. */
export class ServerClock {
  /** How far the server's clock is ahead of this machine's, in milliseconds; 0 if they agree. */
  aheadMs = 0;

  /** For the answers of the server. */
  readonly onHeader = (headers: Headers): void => {
    const serverMs = Date.parse(headers.get("date") ?? "");
    const aheadMs = serverMs - Date.now();
    if (Math.abs(aheadMs) > negligibleMs) this.aheadMs = aheadMs;
  };

  now(): Instant {
    return instantFromMs(Date.now() + this.aheadMs);
  }
}
