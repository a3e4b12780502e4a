import { formatSpan } from "../../words/elapsed.js";
import { eventTexts } from "../../words/event-text.js";
import type { KnownDispatch, KnownEvent } from "../../words/record.js";
import { type FoldedEntry, folded, timelineOf } from "../../words/timeline.js";
import { localTime } from "../../words/times.js";
import { KindBadge } from "./kind.js";
import { ClockTime } from "./time.js";

/** What happened to a dispatch, oldest first, in the words of `show`; the life of earlier enqueues is folded away. */
export function Timeline({
  dispatch,
  events,
}: {
  readonly dispatch: KnownDispatch;
  readonly events: readonly KnownEvent[];
}) {
  const entries = folded(timelineOf(events));
  const texts = eventTexts(entries, dispatch, localTime);
  const told = entries.map((entry, i) => ({ entry, text: texts[i] ?? "" }));
  const earlier = told.filter(({ entry }) => !entry.isPresent);
  return (
    <>
      {earlier.length > 0 && (
        <details className="earlier">
          <summary>Earlier enqueues: {earlier.length} events</summary>
          <Entries told={earlier} />
        </details>
      )}
      <Entries told={told.filter(({ entry }) => entry.isPresent)} />
    </>
  );
}

function Entries({ told }: { readonly told: readonly { readonly entry: FoldedEntry; readonly text: string }[] }) {
  return (
    <ol className="timeline">
      {told.map(({ entry: { event, sincePreviousMs }, text }) => (
        <li key={event.id}>
          <span className="timeline-when">
            <ClockTime at={event.at} />
            {sincePreviousMs !== null && <span className="soft">+{formatSpan(sincePreviousMs)}</span>}
          </span>
          <span className="timeline-what">
            <KindBadge kind={event.kind} />
            <span>{text}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
