import type { Cancel, Clock } from "../dispatch/ports.js";
import type { Connections } from "./connections.js";

/** How long a connection may outlive its certificate while nothing is asked on it: each request looks by itself. */
const lookEveryMs = 10_000;

/** Cuts connections whose client certificate has expired. @returns what ends it */
export function watchExpiry(connections: Connections, clock: Clock, onCut: (connections: number) => void): Cancel {
  let cancel: Cancel;
  const look = () => {
    const nowMs = clock.nowMs();
    const cut = connections.destroyIf(({ notAfterMs }) => notAfterMs < nowMs);
    if (cut > 0) onCut(cut);
    cancel = clock.after(lookEveryMs, look);
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}
