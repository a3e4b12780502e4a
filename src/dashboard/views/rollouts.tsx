import { formatDuration } from "../../words/elapsed.js";
import { type RolloutSummary, rolloutSummaries } from "../fleet/summaries.js";
import { useDerived, useFleet } from "../live-fleet.js";
import { hrefOf, Link, setQuery, usePlace } from "../router.js";
import { useSetting } from "../settings.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { ProgressBar } from "../ui/progress.js";
import { SearchField } from "../ui/search-field.js";
import { Ago } from "../ui/time.js";
import { Heading } from "./heading.js";

const columns: readonly Column<RolloutSummary>[] = [
  {
    name: "rollout",
    title: "Rollout",
    cell: ({ rolloutId }) => (
      <Link className="row-link id" href={hrefOf("rollouts", rolloutId)}>
        {rolloutId}
      </Link>
    ),
  },
  { name: "progress", title: "Progress", cell: ({ counts, total }) => <ProgressBar counts={counts} total={total} /> },
  { name: "done", title: "Done", isNumber: true, cell: ({ total, open }) => <Done total={total} open={open} /> },
  { name: "trouble", title: "In trouble", isNumber: true, cell: (summary) => <TroubleCount summary={summary} /> },
  {
    name: "rate",
    title: "Rate",
    isNumber: true,
    cell: ({ perMinute, open }) => (open === 0 ? "–" : rateText(perMinute)),
  },
  { name: "left", title: "Time to finish", isNumber: true, cell: (summary) => remainingText(summary) },
  { name: "began", title: "Began", isNumber: true, cell: ({ firstEnqueuedAt }) => <Ago at={firstEnqueuedAt} /> },
];

export function RolloutsView() {
  const { condition } = useFleet();
  const search = usePlace().query.get("q") ?? "";
  // By the second too: rates fall when nothing happens.
  const all = useDerived(rolloutSummaries, 1_000);
  const rows = all.filter(({ rolloutId }) => rolloutId.includes(search.trim().toLowerCase()));
  return (
    <>
      <Heading title="Rollouts">
        <SearchField label="Search rollouts" value={search} onChange={(value) => setQuery("q", value)} />
        <WindowChoice />
      </Heading>
      {rows.length > 0 && (
        <DataTable
          label="Rollouts"
          kind="rollouts"
          columns={columns}
          rows={rows}
          rowKey={({ rolloutId }) => rolloutId}
        />
      )}
      {rows.length === 0 && condition.kind === "loading" && <Skeleton label="Loading rollouts" />}
      {rows.length === 0 && condition.kind !== "loading" && (
        <Empty title={search === "" ? "No rollouts in this time" : `No rollout is called like “${search}”`}>
          {search === "" ? (
            <>
              Nothing was enqueued in it, and nothing older waits.{" "}
              <Link href={hrefOf("enqueue")}>Enqueue something</Link>
            </>
          ) : (
            "Older ones are found when a longer time is chosen."
          )}
        </Empty>
      )}
    </>
  );
}

/** How far back the page looks. */
function WindowChoice() {
  const [hours, setHours] = useSetting("window");
  return (
    <label className="choice">
      <span>Enqueued in the last</span>
      <select value={hours} onChange={(event) => setHours(event.target.value)}>
        <option value="24">24 hours</option>
        <option value="168">7 days</option>
        <option value="720">30 days</option>
      </select>
    </label>
  );
}

function Done({ total, open }: Pick<RolloutSummary, "total" | "open">) {
  const share = total === 0 ? 1 : (total - open) / total;
  // 100 % is said only when it is so.
  const percent = open > 0 ? Math.min(Math.floor(share * 100), 99) : 100;
  return (
    <>
      {percent} % <span className="soft">of {total.toLocaleString("en")}</span>
    </>
  );
}

function TroubleCount({ summary: { counts } }: { readonly summary: RolloutSummary }) {
  const count = counts.dead + counts.rejected + counts.expired;
  return count === 0 ? <span className="soft">–</span> : <strong className="bad">{count.toLocaleString("en")}</strong>;
}

export function rateText(perMinute: number): string {
  if (perMinute === 0) return "standing still";
  return `${perMinute >= 10 ? Math.round(perMinute) : perMinute.toFixed(1)} /min`;
}

export function remainingText({ open, remainingMs }: RolloutSummary): string {
  if (open === 0) return "finished";
  return remainingMs === null ? "–" : `about ${formatDuration(remainingMs)}`;
}
