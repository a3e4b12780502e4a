import { type StateCounts, stateOrder } from "../fleet/summaries.js";
import { StateMark } from "./state.js";

/** How far a rollout is, as a bar of its states; the same in words for who does not see it. */
export function ProgressBar({ counts, total }: { readonly counts: StateCounts; readonly total: number }) {
  const parts = stateOrder.filter((state) => counts[state] > 0);
  const text = parts.map((state) => `${counts[state]} ${state}`).join(", ");
  return (
    <span className="bar" title={text}>
      <span className="unseen">{text}</span>
      {parts.map((state) => (
        <span
          key={state}
          className={`bar-part state-${state}`}
          style={{ flexGrow: counts[state] / Math.max(total, 1) }}
        />
      ))}
    </span>
  );
}

interface LegendProps {
  readonly counts: StateCounts;
  readonly chosen: string;
  readonly choose: (state: string) => void;
}

/** The counts by state, each a switch that shows only those. */
export function StateFilter({ counts, chosen, choose }: LegendProps) {
  const shown = stateOrder.filter((state) => counts[state] > 0 || state === chosen);
  return (
    <fieldset className="filters">
      <legend className="unseen">Show only one state</legend>
      {shown.map((state) => (
        <button
          key={state}
          type="button"
          className={`filter state-${state}`}
          aria-pressed={state === chosen}
          onClick={() => choose(state === chosen ? "" : state)}
        >
          <StateMark state={state} />
          {state}
          <span className="count">{counts[state].toLocaleString("en")}</span>
        </button>
      ))}
    </fieldset>
  );
}
