import type { Instant } from "../../dispatch/instant.js";
import { explain } from "../../words/explain.js";
import type { Facts } from "../../words/explanation.js";
import type { KnownDispatch } from "../../words/record.js";
import { CancelButton } from "../actions/cancel.js";
import type { Fleet } from "../fleet/fleet.js";
import { rolloutSummary, stuck } from "../fleet/summaries.js";
import { useDerived, useFleet, useNow, useTelling } from "../live-fleet.js";
import { hrefOf, Link, setQuery, usePlace } from "../router.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { FactList } from "../ui/facts.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { ProgressBar, StateFilter } from "../ui/progress.js";
import { StateBadge } from "../ui/state.js";
import { StateGrid } from "../ui/state-grid.js";
import { Ago } from "../ui/time.js";
import { Heading } from "./heading.js";
import { rateText, remainingText } from "./rollouts.js";

const up = { href: hrefOf("rollouts"), name: "Rollouts" };

export function RolloutView({ rolloutId }: { readonly rolloutId: string }) {
  const { condition } = useFleet();
  const now = useNow();
  const state = usePlace().query.get("state") ?? "";
  const dispatches = useDerived(dispatchesByHost, 60_000, rolloutId);
  const summary = rolloutSummary(rolloutId, dispatches, now);
  if (summary === undefined) {
    return (
      <>
        <Heading title={rolloutId} up={up} />
        {condition.kind === "loading" ? (
          <Skeleton label="Loading the rollout" />
        ) : (
          <Empty title="Nothing is known of this rollout">
            Nothing was enqueued under it in the time that the page looks at; a longer one is chosen under{" "}
            <Link href={up.href}>Rollouts</Link>.
          </Empty>
        )}
      </>
    );
  }
  const { counts, total, open } = summary;
  const shown = state === "" ? dispatches : dispatches.filter((dispatch) => dispatch.state === state);
  return (
    <>
      <Heading title={rolloutId} up={up}>
        <CancelButton rolloutId={rolloutId} what={`${open} open dispatches`} isOffered={open > 0} />
      </Heading>
      <section className="panel" aria-label="Progress">
        <ProgressBar counts={counts} total={total} />
        <FactList
          facts={[
            ["Hosts", total.toLocaleString("en")],
            ["Still open", open.toLocaleString("en")],
            ["Rate", open === 0 ? "–" : rateText(summary.perMinute)],
            ["Time to finish", remainingText(summary)],
            ["Began", <Ago key="began" at={summary.firstEnqueuedAt} isStop />],
            ["Last change", <Ago key="changed" at={summary.lastChangedAt} isStop />],
          ]}
        />
      </section>
      <section aria-labelledby="hosts-title">
        <h2 id="hosts-title">Hosts</h2>
        <StateFilter counts={counts} chosen={state} choose={(value) => setQuery("state", value)} />
        {shown.length === 0 ? (
          <Empty title={`No host is ${state} now`} />
        ) : (
          <StateGrid label={`Hosts of ${rolloutId}`} dispatches={shown} />
        )}
      </section>
      <Stuck rolloutId={rolloutId} />
    </>
  );
}

function dispatchesByHost(fleet: Fleet, _now: Instant, rolloutId: string): KnownDispatch[] {
  const all = [...(fleet.rollouts.get(rolloutId)?.values() ?? [])];
  return all.sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
}

/** What does not move by itself, with the words that `explain` has. */
function Stuck({ rolloutId }: { readonly rolloutId: string }) {
  const { fleet } = useFleet();
  const telling = useTelling();
  const rows = useDerived(stuck, 1_000, rolloutId);
  const columns: readonly Column<KnownDispatch>[] = [
    {
      name: "host",
      title: "Host",
      cell: ({ hostname }) => (
        <Link className="row-link id" href={hrefOf("dispatches", hostname, rolloutId)}>
          {hostname}
        </Link>
      ),
    },
    { name: "state", title: "State", cell: ({ state }) => <StateBadge state={state} /> },
    {
      name: "why",
      title: "Why",
      cell: (dispatch) => {
        const { sentence, hint } = explain(factsOf(fleet, dispatch), telling);
        return (
          <>
            {sentence} {hint !== null && <span className="soft">{hint}</span>}
          </>
        );
      },
    },
  ];
  return (
    <section aria-labelledby="stuck-title">
      <h2 id="stuck-title">
        What is stuck, and why <span className="count">{rows.length.toLocaleString("en")}</span>
      </h2>
      {rows.length === 0 ? (
        <Empty title="Nothing is stuck" />
      ) : (
        <DataTable
          label="What is stuck, and why"
          kind="stuck"
          columns={columns}
          rows={rows}
          rowKey={({ hostname }) => hostname}
        />
      )}
    </section>
  );
}

/** What the page knows by itself; the history of each would be a call for each. */
function factsOf(fleet: Fleet, dispatch: KnownDispatch): Facts {
  const { hostname, rolloutId } = dispatch;
  const all = [...(fleet.dispatchesOf.get(hostname)?.values() ?? [])];
  const others = all.filter((other) => other !== dispatch && (other.state === "pending" || other.state === "leased"));
  return { hostname, rolloutId, dispatch, events: [], host: fleet.hosts.get(hostname) ?? null, others };
}
