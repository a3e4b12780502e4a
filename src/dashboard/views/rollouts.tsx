import { formatDuration } from "../../words/elapsed.js";
import { type RolloutSummary, rolloutSummaries } from "../fleet/summaries.js";
import { useDerived, useFleet } from "../live-fleet.js";
import { hrefOf, Link, setQuery, usePlace } from "../router.js";
import { useSetting } from "../settings.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { ProgressBar } from "../ui/progress.js";
import { SearchField } from "../ui/search-field.js";
import { ShowFilter, type Shows, useShow } from "../ui/show-filter.js";
import { Ago } from "../ui/time.js";
import { Heading } from "./heading.js";

const columns: readonly Column<RolloutSummary>[] = [
  { name: "rollout", title: "Rollout", cell: ({ rolloutId }) => <RolloutLink rolloutId={rolloutId} /> },
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

/** Those of a state keep to it: their rows lead to the hosts that are in it. */
const shows: Shows<RolloutSummary> = {
  "": { name: "All", has: () => true },
  open: { name: "Not finished", has: ({ open }) => open > 0 },
  leased: { name: "With leased", has: ({ counts }) => counts.leased > 0 },
  trouble: { name: "In trouble", has: (summary) => troubleCount(summary) > 0 },
  dead: { name: "With dead", has: ({ counts }) => counts.dead > 0 },
};

const states: ReadonlySet<string> = new Set(["leased", "dead"]);

export function RolloutsView() {
  const { condition } = useFleet();
  const search = usePlace().query.get("q") ?? "";
  // By the second too: rates fall when nothing happens.
  const all = useDerived(rolloutSummaries, 1_000);
  const show = useShow(shows);
  const found = all.filter(({ rolloutId }) => rolloutId.includes(search.trim().toLowerCase()));
  const rows = found.filter(show.has);
  return (
    <>
      <Heading title="Rollouts">
        <SearchField label="Search rollouts" value={search} onChange={(value) => setQuery("q", value)} />
        <WindowChoice />
      </Heading>
      {all.length > 0 && <ShowFilter label="Show only some rollouts" shows={shows} chosen={show.word} rows={found} />}
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
      {rows.length === 0 && condition.kind !== "loading" && <NoRollouts search={search} isCutDown={found.length > 0} />}
    </>
  );
}

function RolloutLink({ rolloutId }: { readonly rolloutId: string }) {
  const { word } = useShow(shows);
  const href = hrefOf("rollouts", rolloutId);
  return (
    <Link className="row-link id" href={states.has(word) ? `${href}?state=${word}` : href}>
      {rolloutId}
    </Link>
  );
}

function NoRollouts({ search, isCutDown }: { readonly search: string; readonly isCutDown: boolean }) {
  if (isCutDown) return <Empty title="No rollout is like that" />;
  if (search !== "") {
    return (
      <Empty title={`No rollout is called like “${search}”`}>Older ones are found when a longer time is chosen.</Empty>
    );
  }
  return (
    <Empty title="No rollouts in this time">
      Nothing was enqueued in it, and nothing older waits. <Link href={hrefOf("enqueue")}>Enqueue something</Link>
    </Empty>
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

function troubleCount({ counts }: RolloutSummary): number {
  return counts.dead + counts.rejected + counts.expired;
}

function TroubleCount({ summary }: { readonly summary: RolloutSummary }) {
  const count = troubleCount(summary);
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
