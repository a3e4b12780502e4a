import { useQuery } from "@connectrpc/connect-query";
import { useQuery as usePlainQuery } from "@tanstack/react-query";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Instant } from "../../dispatch/instant.js";
import { eventDetails } from "../../words/event-details.js";
import { hostLines } from "../../words/evidence.js";
import { explain } from "../../words/explain.js";
import type { FleetEvent } from "../../words/fleet-event.js";
import { type KnownDispatch, knownHost, strangerNamed } from "../../words/record.js";
import { RestoreButton, RevokeButton } from "../actions/trust.js";
import { queue } from "../api.js";
import type { Fleet } from "../fleet/fleet.js";
import { recentEventsOf } from "../fleet/read-host.js";
import { expiresWithin, presenceOf } from "../fleet/summaries.js";
import { useDerived, useFleet, useNow, useTelling } from "../live-fleet.js";
import { hrefOf, Link } from "../router.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { FactList } from "../ui/facts.js";
import { KindBadge } from "../ui/kind.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { PresenceBadge, StateBadge } from "../ui/state.js";
import { Ago, ClockTime } from "../ui/time.js";
import { Heading } from "./heading.js";

const up = { href: hrefOf("hosts"), name: "Hosts" };
const refreshMs = 5_000;

/** One host: where it is, what it got and when, across rollouts. */
export function HostView({ hostname }: { readonly hostname: string }) {
  const { fleet, condition } = useFleet();
  const now = useNow();
  // The fleet's hosts come round less often the more there are; the one that is looked at comes at once.
  const own = useQuery(
    QueueService.method.listHosts,
    { hostname },
    { refetchInterval: refreshMs, select: ({ hosts }) => hosts[0]?.presence },
  );
  const host = own.data === undefined ? fleet.hosts.get(hostname) : knownHost(own.data);
  if (host === undefined && (own.isPending || condition.kind === "loading")) {
    return (
      <>
        <Heading title={hostname} up={up} />
        <Skeleton label="Loading the host" />
      </>
    );
  }
  const shown = host ?? strangerNamed(hostname);
  return (
    <>
      <Heading title={hostname} up={up}>
        <PresenceBadge presence={presenceOf(shown, now)} />
        <RevokeButton host={shown} />
        <RestoreButton hostname={hostname} isOffered={shown.revokedBefore !== null} />
      </Heading>
      <Why hostname={hostname} />
      <section className="panel" aria-label="Facts">
        <FactList
          facts={[
            ["Last poll", shown.lastSeenAt === null ? "never" : <Ago key="seen" at={shown.lastSeenAt} isStop />],
            ["Parked polls", <Parked key="parked" polls={shown.parkedPolls} since={shown.parkedSince} />],
            ["Address", shown.address ?? "–"],
            ["Wire", shown.wire ?? "–"],
            ["Agent", shown.agentVersion ?? "–"],
            [
              "Certificate ends",
              shown.certificateNotAfter === null ? (
                "–"
              ) : (
                <span key="certificate" className={expiresWithin(shown, 14, now) ? "warn" : undefined}>
                  <Ago at={shown.certificateNotAfter} isStop />
                </span>
              ),
            ],
            ...(shown.revokedBefore === null
              ? []
              : [["Refused if issued before", <Ago key="revoked" at={shown.revokedBefore} isStop />] as const]),
          ]}
        />
      </section>
      <Dispatches hostname={hostname} />
      <Events hostname={hostname} />
    </>
  );
}

function Parked({ polls, since }: { readonly polls: number; readonly since: Instant | null }) {
  if (polls === 0 || since === null) return polls;
  return (
    <>
      {polls}, the longest began <Ago at={since} isStop />
    </>
  );
}

function newestFirst(fleet: Fleet, _now: Instant, hostname: string): KnownDispatch[] {
  return [...(fleet.dispatchesOf.get(hostname)?.values() ?? [])].sort((a, b) => b.enqueuedAt - a.enqueuedAt);
}

/** What `explain HOST` says. */
function Why({ hostname }: { readonly hostname: string }) {
  const { fleet } = useFleet();
  const telling = useTelling();
  const all = useDerived(newestFirst, 60_000, hostname);
  const host = fleet.hosts.get(hostname) ?? null;
  const dispatch = all.find(({ state }) => state === "pending" || state === "leased");
  if (dispatch === undefined) return host === null ? null : <p className="why">{hostLines(host, telling)[0]}.</p>;
  const others = all.filter((other) => other !== dispatch);
  const { rolloutId } = dispatch;
  const { sentence, hint } = explain({ hostname, rolloutId, dispatch, events: [], host, others }, telling);
  return (
    <p className="why">
      {sentence}
      {hint !== null && <span className="soft"> {hint}</span>}
    </p>
  );
}

const dispatchColumns: readonly Column<KnownDispatch>[] = [
  {
    name: "rollout",
    title: "Rollout",
    cell: ({ hostname, rolloutId }) => (
      <Link className="row-link id" href={hrefOf("dispatches", hostname, rolloutId)}>
        {rolloutId}
      </Link>
    ),
  },
  { name: "state", title: "State", cell: ({ state }) => <StateBadge state={state} /> },
  {
    name: "attempts",
    title: "Attempts",
    isNumber: true,
    cell: ({ attempt, maxAttempts }) => `${attempt} of ${maxAttempts}`,
  },
  { name: "enqueued", title: "Enqueued", isNumber: true, cell: ({ enqueuedAt }) => <Ago at={enqueuedAt} /> },
  { name: "changed", title: "In this state", isNumber: true, cell: ({ changedAt }) => <Ago at={changedAt} /> },
];

function Dispatches({ hostname }: { readonly hostname: string }) {
  const rows = useDerived(newestFirst, 60_000, hostname);
  return (
    <section aria-labelledby="dispatches-title">
      <h2 id="dispatches-title">
        Dispatches <span className="count">{rows.length.toLocaleString("en")}</span>
      </h2>
      {rows.length === 0 ? (
        <Empty title="None in the time that the page looks at" />
      ) : (
        <DataTable
          label={`Dispatches of ${hostname}`}
          kind="dispatches"
          columns={dispatchColumns}
          rows={rows}
          rowKey={({ rolloutId }) => rolloutId}
        />
      )}
    </section>
  );
}

const eventColumns: readonly Column<FleetEvent>[] = [
  { name: "at", title: "Time", cell: ({ at }) => <ClockTime at={at} /> },
  { name: "ago", title: "Ago", isNumber: true, cell: ({ at }) => <Ago at={at} /> },
  { name: "kind", title: "What", cell: ({ kind }) => <KindBadge kind={kind} /> },
  {
    name: "rollout",
    title: "Rollout",
    cell: ({ hostname, rolloutId }) => (
      <Link className="row-link id" href={hrefOf("dispatches", hostname, rolloutId)}>
        {rolloutId}
      </Link>
    ),
  },
  { name: "details", title: "Details", cell: (event) => <span className="soft">{eventDetails(event)}</span> },
];

/** Read once, then followed by the stream. */
function Events({ hostname }: { readonly hostname: string }) {
  const { fleet } = useFleet();
  const read = usePlainQuery({
    queryKey: ["events of host", hostname],
    queryFn: ({ signal }) => recentEventsOf(hostname, { client: queue, end: fleet.lastEventId, signal }),
    enabled: fleet.lastEventId > 0,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const last = read.data?.at(-1)?.id ?? 0;
  const followed = fleet.recent.filter((event) => event.hostname === hostname && event.id > last);
  const rows = [...(read.data ?? []), ...followed].toReversed();
  return (
    <section aria-labelledby="events-title">
      <h2 id="events-title">Timeline across rollouts</h2>
      {rows.length === 0 &&
        (read.isPending && read.fetchStatus !== "idle" ? (
          <Skeleton label="Loading" />
        ) : (
          <Empty title="Nothing has happened" />
        ))}
      {rows.length > 0 && (
        <DataTable
          label={`What happened to dispatches of ${hostname}, the newest first`}
          kind="host-events"
          columns={eventColumns}
          rows={rows}
          rowKey={({ id }) => String(id)}
        />
      )}
    </section>
  );
}
