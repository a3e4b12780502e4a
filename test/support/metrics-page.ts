import { certificateTroubles, handshakeFailures } from "../../src/http/tls-rejection.js";
import { refusals } from "../../src/identity/identity.js";
import { Metrics } from "../../src/telemetry/metrics.js";
import { type Family, readExposition } from "./exposition.js";
import { FakeClock } from "./fake-clock.js";

/** Every metric that a server shows, from the very parts that a server is made of. */
export async function everyMetric(): Promise<ReadonlyMap<string, Family>> {
  const clock = new FakeClock();
  const tlsRejections = { handshake: handshakeFailures, certificate: certificateTroubles };
  const metrics = new Metrics({ version: "0.0.0", clock, traffic: { refusals, tlsRejections } });
  metrics.observe({
    queue: {
      store: { stats: async () => noStats, waitingHosts: async () => [] },
      parkedPolls: () => 0,
      parkedHosts: () => 0,
      isParked: () => false,
      watchers: () => 0,
      walPath: "/nonexistent",
      pool: () => ({ idle: 1, busy: 0, waiting: 0 }),
    },
    openConnections: () => 0,
    certificateNotAfterMs: () => 0,
  });
  metrics.traffic.requestEnded("http", "ok");
  return readExposition(await metrics.text());
}

const states = {
  ...{ pending: 0, leased: 0, delivered: 0, acknowledged: 0, rejected: 0 },
  ...{ cancelled: 0, superseded: 0, expired: 0, dead: 0 },
};
const noStats = { states, oldestPendingAt: undefined, hosts: 0 };
