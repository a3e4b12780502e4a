import { type Instant, instantToMs } from "../../dispatch/instant.js";
import { formatElapsed } from "../../words/elapsed.js";
import { dateOf, localTime, rfc3339 } from "../../words/times.js";
import { useNow } from "../live-fleet.js";

/**
 * How long ago, or how soon; the exact instant on hover and on focus.
 *
 * @param isStop whether Tab stops here: yes among facts, no in lists, where it would stop too often
 */
export function Ago({ at, isStop = false }: { readonly at: Instant; readonly isStop?: boolean }) {
  const now = useNow();
  const text = formatElapsed(dateOf(at), dateOf(now));
  const exact = localTime.fine(at);
  if (!isStop) {
    return (
      <time dateTime={rfc3339(at)} title={exact}>
        {text}
      </time>
    );
  }
  return (
    <time className="ago" dateTime={rfc3339(at)} data-exact={exact} {...tabStop}>
      {text}
      <span className="unseen">, {exact}</span>
    </time>
  );
}

/** Nothing happens there, but on focus it shows the exact instant, which a mouse gets by hovering. */
const tabStop = { tabIndex: 0 } as const;

/** `14:03:07`, for lists in which each line has its own. */
export function ClockTime({ at }: { readonly at: Instant }) {
  return (
    <time className="clock" dateTime={rfc3339(at)} title={localTime.fine(at)}>
      {new Date(instantToMs(at)).toLocaleTimeString("en-GB")}
    </time>
  );
}
