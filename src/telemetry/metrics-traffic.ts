import type { Registry } from "prom-client";
import type { Wire } from "../dispatch/origin.js";
import { Children, TalliedCounter } from "./metrics-children.js";
import { prefix, wires } from "./metrics-names.js";

/** The values that labels of this part can have, from those who know them. */
export interface TrafficLabels {
  /** Why the gate refuses. */
  readonly refusals: readonly string[];
  /** Why a TLS connection comes to nothing, by the stage that it reached. */
  readonly tlsRejections: Readonly<Record<string, readonly string[]>>;
}

/** What goes over the API's port, as counters. */
export class TrafficMetrics {
  readonly #requests: ReadonlyMap<Wire, Children>;
  readonly #refused: Children;
  readonly #tlsRejections: ReadonlyMap<string, Children>;

  constructor(registry: Registry, { refusals, tlsRejections }: TrafficLabels) {
    const own = { registers: [registry] };
    const requests = new TalliedCounter({
      ...own,
      name: `${prefix}requests_total`,
      help: "Requests that have ended.",
      labelNames: ["wire", "outcome"],
    });
    this.#requests = new Map(wires.map((wire) => [wire, new Children(requests, "outcome", [], { wire })]));
    const refused = new TalliedCounter({
      ...own,
      name: `${prefix}refused_certificates_total`,
      help: "Requests and parked polls that were refused because of their client's certificate.",
      labelNames: ["reason"],
    });
    this.#refused = new Children(refused, "reason", refusals);
    const tls = new TalliedCounter({
      ...own,
      name: `${prefix}tls_rejections_total`,
      help: "Handshakes that failed, and connections whose client's certificate does not verify.",
      labelNames: ["stage", "reason"],
    });
    this.#tlsRejections = new Map(
      Object.entries(tlsRejections).map(([stage, reasons]) => [stage, new Children(tls, "reason", reasons, { stage })]),
    );
  }

  requestEnded(wire: Wire, outcome: string): void {
    this.#requests.get(wire)?.of(outcome).inc();
  }

  refused(reason: string): void {
    this.#refused.of(reason).inc();
  }

  tlsRejected({ stage, reason }: { readonly stage: string; readonly reason: string }): void {
    this.#tlsRejections.get(stage)?.of(reason).inc();
  }
}
