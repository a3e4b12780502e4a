import type { Wire } from "../dispatch/origin.js";
import type { Refusal } from "../identity/identity.js";
import type { TlsRejection } from "./tls-rejection.js";

/** Is told of what goes over the API's port, for somebody who counts. It must return at once and never throw. */
export interface TrafficMeter {
  /** @param outcome as in the log: `ok`, `empty`, `health`, or the reason of an error */
  requestEnded(wire: Wire, outcome: string): void;
  /** A request was refused, or a parked poll ended, because of its client's certificate. */
  refused(refusal: Refusal): void;
  /** A handshake has failed, or a client has shown a certificate that does not verify. */
  tlsRejected(rejection: TlsRejection): void;
}

/** For who does not count. */
export const noTrafficMeter: TrafficMeter = {
  requestEnded() {},
  refused() {},
  tlsRejected() {},
};
