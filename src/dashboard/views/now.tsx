import type { ReactNode } from "react";
import { instantToMs } from "../../dispatch/instant.js";
import { formatDuration, formatSpan } from "../../words/elapsed.js";
import { localTime } from "../../words/times.js";
import type { Fleet } from "../fleet/fleet.js";
import { fleetNumbers, rolloutSummaries } from "../fleet/summaries.js";
import { useDerived, useFleet, useNow } from "../live-fleet.js";
import { hrefOf, Link } from "../router.js";
import { Chart } from "../ui/chart.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { ProgressBar } from "../ui/progress.js";
import { Ago } from "../ui/time.js";
import { Heading } from "./heading.js";
import { remainingText } from "./rollouts.js";

export function NowView() {
  const { condition, fleet } = useFleet();
  const isEmpty = fleet.hosts.size === 0 && fleet.rollouts.size === 0;
  return (
    <>
      <Heading title="Now" />
      {isEmpty && condition.kind === "loading" ? (
        <Skeleton label="Loading" />
      ) : (
        <>
          <Numbers />
          <Charts />
          <div className="two">
            <Running />
            <Expiring />
          </div>
        </>
      )}
    </>
  );
}

function Numbers() {
  const { presence, hosts, counts, oldestPending } = useDerived(fleetNumbers, 1_000);
  const now = useNow();
  const away = presence.away + presence.never;
  const age = oldestPending === undefined ? null : (now - oldestPending.enqueuedAt) / 1_000;
  return (
    <ul className="tiles">
      <Tile name="Hosts parked" href={`${hrefOf("hosts")}?show=parked`} value={presence.parked} tone="good">
        of {hosts.toLocaleString("en")}, waiting for a dispatch
      </Tile>
      <Tile name="Hosts not seen" href={`${hrefOf("hosts")}?show=away`} value={away} tone={away > 0 ? "warn" : "calm"}>
        within their wait
        {presence.revoked > 0 && `; ${presence.revoked} revoked`}
      </Tile>
      <Tile name="Pending" href={`${hrefOf("hosts")}?show=pending&sort=-pending`} value={counts.pending} tone="calm">
        wait for their hosts
      </Tile>
      <Tile name="Leased" href={`${hrefOf("rollouts")}?show=leased`} value={counts.leased} tone="calm">
        at their hosts, not acknowledged
      </Tile>
      <Tile
        name="Dead"
        href={`${hrefOf("rollouts")}?show=dead`}
        value={counts.dead}
        tone={counts.dead > 0 ? "bad" : "calm"}
      >
        given up; {counts.rejected.toLocaleString("en")} rejected
      </Tile>
      <Tile
        name="Oldest pending"
        href={
          oldestPending ? hrefOf("dispatches", oldestPending.hostname, oldestPending.rolloutId) : hrefOf("rollouts")
        }
        value={age === null ? "none" : formatDuration(Math.max(age, 0))}
        tone="calm"
      >
        {oldestPending === undefined ? "nothing waits" : `for ${oldestPending.hostname}`}
      </Tile>
    </ul>
  );
}

interface TileProps {
  readonly name: string;
  readonly href: string;
  readonly value: number | string;
  readonly tone: "good" | "calm" | "warn" | "bad";
  readonly children: ReactNode;
}

function Tile({ name, href, value, tone, children }: TileProps) {
  return (
    <li>
      <Link className={`tile tile-${tone}`} href={href}>
        <span className="tile-name">{name}</span>
        <span className="tile-value">{typeof value === "number" ? value.toLocaleString("en") : value}</span>
        <span className="tile-note">{children}</span>
      </Link>
    </li>
  );
}

function activityOf(fleet: Fleet, now: ReturnType<typeof useNow>) {
  const minutes = fleet.activity.minutes(now);
  return {
    total: fleet.activity.total(now),
    since: fleet.activity.since,
    times: minutes.map(({ at }) => instantToMs(at) / 1_000),
    handedOut: [
      { name: "per minute", colour: "--delivered", look: "bars", values: minutes.map(({ handedOut }) => handedOut) },
    ],
    delays: [
      { name: "p50", colour: "--accent", look: "line", values: minutes.map(({ p50Ms }) => p50Ms) },
      { name: "p99", colour: "--expired", look: "dashed", values: minutes.map(({ p99Ms }) => p99Ms) },
    ],
  } as const;
}

function Charts() {
  const { total, since, times, handedOut, delays } = useDerived(activityOf, 5_000);
  const now = useNow();
  const { p50Ms, p99Ms } = total;
  const delayText =
    p50Ms === null || p99Ms === null
      ? "nothing was handed out"
      : `p50 ${formatSpan(p50Ms)}, p99 ${formatSpan(p99Ms)} over the hour`;
  const count = `${total.handedOut.toLocaleString("en")} in the last hour`;
  const isCut = since !== undefined && now - since < 3_590_000_000;
  return (
    <section aria-labelledby="hour-title">
      <h2 id="hour-title">The last hour</h2>
      <div className="two">
        <div className="panel">
          <p className="chart-figure">{count}</p>
          <Chart
            title="Deliveries per minute"
            summary={count}
            times={times}
            lines={handedOut}
            format={(value) => (Number.isInteger(value) ? value.toLocaleString("en") : "")}
          />
        </div>
        <div className="panel">
          <p className="chart-figure">{delayText}</p>
          <Chart
            title="From enqueue to delivery"
            summary={delayText}
            times={times}
            lines={delays}
            format={(value) => (value === 0 ? "0" : formatSpan(value))}
          />
        </div>
      </div>
      {since === undefined && <p className="soft">The history of the last hour is being read…</p>}
      {isCut && <p className="soft">The history is long: shown is what happened since {localTime.plain(since)}.</p>}
    </section>
  );
}

function Running() {
  const running = useDerived(rolloutSummaries, 1_000).filter(({ open }) => open > 0);
  return (
    <section aria-labelledby="running-title">
      <h2 id="running-title">
        Rollouts on their way <span className="count">{running.length}</span>
      </h2>
      {running.length === 0 && <Empty title="No rollout is on its way" />}
      <ul className="cards">
        {running.slice(0, 5).map((summary) => (
          <li key={summary.rolloutId}>
            <Link className="card" href={hrefOf("rollouts", summary.rolloutId)}>
              <span className="id">{summary.rolloutId}</span>
              <span className="soft">
                {summary.open.toLocaleString("en")} open · {remainingText(summary)}
              </span>
              <ProgressBar counts={summary.counts} total={summary.total} />
            </Link>
          </li>
        ))}
      </ul>
      {running.length > 5 && <Link href={hrefOf("rollouts")}>All rollouts</Link>}
    </section>
  );
}

function Expiring() {
  const { expiring } = useDerived(fleetNumbers, 5_000);
  return (
    <section aria-labelledby="expiring-title">
      <h2 id="expiring-title">
        Certificates that end within 14 days <span className="count">{expiring.length.toLocaleString("en")}</span>
      </h2>
      {expiring.length === 0 && <Empty title="None" />}
      <ul className="lines">
        {expiring.slice(0, 6).map(({ hostname, certificateNotAfter }) => (
          <li key={hostname}>
            <Link className="id" href={hrefOf("hosts", hostname)}>
              {hostname}
            </Link>
            <span className="warn">{certificateNotAfter !== null && <Ago at={certificateNotAfter} />}</span>
          </li>
        ))}
      </ul>
      {expiring.length > 6 && <Link href={`${hrefOf("hosts")}?show=expiring&sort=certificate`}>All of them</Link>}
    </section>
  );
}
