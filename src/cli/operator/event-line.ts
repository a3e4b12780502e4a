import { eventDetails } from "../../words/event-details.js";
import type { FleetEvent } from "../../words/fleet-event.js";
import { rfc3339, type TimeStyle } from "../../words/times.js";
import { paintKind } from "../history/style.js";
import type { Io } from "../io.js";
import { paint } from "../output.js";

/** What `--json` prints; see `dispatchJson` for what scripts can rely on. */
export function eventJson({ id, at, hostname, rolloutId, kind, attempt, actor, address, wire, ...event }: FleetEvent) {
  const { detail, parkedMs } = event;
  const who = { actor, address, wire };
  return { id, at: rfc3339(at), hostname, rollout_id: rolloutId, kind, attempt, ...who, detail, parked_ms: parkedMs };
}

/** Lines that stand under each other as they come: a column grows with the widest cell so far, and never shrinks. */
export class EventLines {
  readonly #time: TimeStyle;
  readonly #io: Io;
  readonly #widths = new Map<string, number>();

  constructor(time: TimeStyle, io: Io) {
    this.#time = time;
    this.#io = io;
  }

  line(event: FleetEvent): string {
    const cells = [
      paint(this.#io, this.#io.stdout, "dim", this.#cell("id", String(event.id))),
      this.#time.fine(event.at),
      this.#cell("host", event.hostname),
      this.#cell("rollout", event.rolloutId),
      paintKind(this.#io, event.kind, event.kind.padEnd("lease_expired".length)),
      eventDetails(event),
    ];
    return cells.join("  ");
  }

  #cell(column: string, text: string): string {
    const width = Math.max(this.#widths.get(column) ?? 0, text.length);
    this.#widths.set(column, width);
    return text.padEnd(width);
  }
}
