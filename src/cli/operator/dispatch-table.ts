import type { Instant } from "../../dispatch/instant.js";
import { formatElapsed } from "../../words/elapsed.js";
import type { KnownDispatch } from "../../words/record.js";
import { dateOf } from "../../words/times.js";
import { paintState } from "../history/style.js";
import type { Io } from "../io.js";
import { formatTable } from "../table.js";
import { lineWidth, shortenClosure } from "./shorten.js";

const headings = ["HOST", "ROLLOUT", "STATE", "ATTEMPT", "ENQUEUED", "SINCE", "CLOSURE"] as const;

/** The lines of a table, whose closures are shortened to what a terminal has room for. */
export function dispatchTable(dispatches: readonly KnownDispatch[], now: Instant, io: Io): string[] {
  const ago = (instant: Instant) => formatElapsed(dateOf(instant), dateOf(now));
  const rows = dispatches.map((dispatch) => [
    dispatch.hostname,
    dispatch.rolloutId,
    paintState(io, dispatch.state),
    `${dispatch.attempt}/${dispatch.maxAttempts}`,
    ago(dispatch.enqueuedAt),
    ago(dispatch.changedAt),
  ]);
  const room = roomForClosure(rows, io);
  const full = rows.map((row, i) => [...row, shortenClosure(dispatches[i]?.targetClosure ?? "", room)]);
  return formatTable(headings, full).split("\n");
}

/** What the other columns leave. */
function roomForClosure(rows: readonly (readonly string[])[], { stdout }: Io): number | undefined {
  const width = lineWidth(stdout);
  if (width === undefined) return undefined;
  const [first = ""] = formatTable(headings, rows).split("\n", 1);
  return width - first.indexOf("CLOSURE");
}
