import { formatDuration } from "../../words/elapsed.js";
import { localTime } from "../../words/times.js";
import { useFleet, useNow } from "../live-fleet.js";
import { Trouble } from "../ui/notice.js";

/** How the page stands to the server, in a word. */
export function ConditionChip() {
  const { condition } = useFleet();
  const now = useNow();
  const { kind } = condition;
  const text =
    condition.kind === "loading"
      ? `Loading${condition.dispatches === 0 ? "" : ` ${condition.dispatches.toLocaleString("en")} dispatches`}`
      : condition.kind === "stale"
        ? `Stale for ${formatDuration(Math.max((now - condition.since) / 1_000, 0))}`
        : "Live";
  return (
    <span className={`chip chip-${kind}`} data-condition={kind}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {kind === "live" && <circle cx="6" cy="6" r="4" />}
        {kind === "stale" && <path d="M6 1.500 11 10.500H1z" />}
        {kind === "loading" && <circle cx="6" cy="6" r="3.500" className="ring" />}
      </svg>
      {text}
      <span className="unseen" role="status">
        {kind === "live" ? "Connected to the server" : kind === "stale" ? "Connection lost" : ""}
      </span>
    </span>
  );
}

/** Says above everything that what is below may not be so any more. */
export function ConditionBanner() {
  const { condition } = useFleet();
  if (condition.kind !== "stale") return null;
  const { since, cause, isFinal } = condition;
  return (
    <Trouble title={`What you see is as it was at ${localTime.plain(since)}`}>
      <p>{cause}</p>
      <p>{isFinal ? "This does not go away by itself." : "Trying again, to go on where it was."}</p>
    </Trouble>
  );
}
