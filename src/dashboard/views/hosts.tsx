import { useMemo } from "react";
import type { Instant } from "../../dispatch/instant.js";
import type { KnownHost } from "../../words/record.js";
import type { Fleet } from "../fleet/fleet.js";
import { expiresWithin, type PresenceWord, pendingOf, presenceOf } from "../fleet/summaries.js";
import { useDerived, useFleet } from "../live-fleet.js";
import { hrefOf, Link, setQuery, usePlace } from "../router.js";
import { type Column, DataTable, type Sort } from "../ui/data-table.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { SearchField } from "../ui/search-field.js";
import { ShowFilter, type Shows, useShow } from "../ui/show-filter.js";
import { SortChoice } from "../ui/sort-choice.js";
import { PresenceBadge } from "../ui/state.js";
import { Ago } from "../ui/time.js";
import { Heading } from "./heading.js";

interface HostRow {
  readonly host: KnownHost;
  readonly pending: number;
  readonly presence: PresenceWord;
  readonly isExpiring: boolean;
}

const columns: readonly Column<HostRow>[] = [
  {
    name: "host",
    title: "Host",
    cell: ({ host }) => (
      <Link className="row-link id" href={hrefOf("hosts", host.hostname)}>
        {host.hostname}
      </Link>
    ),
  },
  { name: "presence", title: "Presence", cell: ({ presence }) => <PresenceBadge presence={presence} /> },
  {
    name: "seen",
    title: "Last poll",
    isNumber: true,
    cell: ({ host }) => (host.lastSeenAt === null ? <span className="soft">never</span> : <Ago at={host.lastSeenAt} />),
  },
  { name: "pending", title: "Pending", isNumber: true, cell: ({ pending }) => pending.toLocaleString("en") },
  { name: "address", title: "Address", cell: ({ host }) => host.address ?? "–" },
  { name: "wire", title: "Wire", cell: ({ host }) => host.wire ?? "–" },
  {
    name: "version",
    title: "Agent",
    cell: ({ host }) => <span title={host.agentVersion ?? ""}>{host.agentVersion ?? "–"}</span>,
  },
  {
    name: "certificate",
    title: "Certificate ends",
    isNumber: true,
    cell: ({ host, isExpiring }) =>
      host.certificateNotAfter === null ? (
        "–"
      ) : (
        <span className={isExpiring ? "warn" : undefined}>
          <Ago at={host.certificateNotAfter} />
        </span>
      ),
  },
];

/** What a column sorts by. */
const keys: Readonly<Record<string, (row: HostRow) => string | number>> = {
  host: ({ host }) => host.hostname,
  presence: ({ presence }) => ["revoked", "never", "away", "seen", "parked"].indexOf(presence),
  seen: ({ host }) => host.lastSeenAt ?? 0,
  pending: ({ pending }) => pending,
  address: ({ host }) => host.address ?? "",
  wire: ({ host }) => host.wire ?? "",
  version: ({ host }) => host.agentVersion ?? "",
  certificate: ({ host }) => host.certificateNotAfter ?? Number.POSITIVE_INFINITY,
};

const sortable = new Set(Object.keys(keys));

const shows: Shows<HostRow> = {
  "": { name: "All", has: () => true },
  parked: { name: "Parked", has: ({ presence }) => presence === "parked" },
  away: { name: "Not seen", has: ({ presence }) => presence === "away" || presence === "never" },
  pending: { name: "With pending", has: ({ pending }) => pending > 0 },
  expiring: { name: "Certificate ends in 14 d", has: ({ isExpiring }) => isExpiring },
  revoked: { name: "Revoked", has: ({ presence }) => presence === "revoked" },
};

export function HostsView() {
  const { condition } = useFleet();
  const { query } = usePlace();
  const search = query.get("q") ?? "";
  const show = useShow(shows);
  const sort = sortOf(query.get("sort") ?? "host");
  const all = useDerived(hostRows, 5_000);
  const wanted = search.trim().toLowerCase();
  const rows = useMemo(
    () =>
      sorted(
        all.filter((row) => show.has(row) && isLike(row, wanted)),
        sort.by,
        sort.isDown,
      ),
    [all, show.has, wanted, sort.by, sort.isDown],
  );
  return (
    <>
      <Heading title="Hosts">
        <SearchField label="Search by name or address" value={search} onChange={(value) => setQuery("q", value)} />
      </Heading>
      <ShowFilter label="Show only some hosts" shows={shows} chosen={show.word} rows={all} />
      {rows.length > 0 && <SortChoice columns={columns} sort={sort} />}
      {rows.length > 0 && (
        <DataTable
          label="Hosts"
          kind="hosts"
          columns={columns}
          rows={rows}
          rowKey={({ host }) => host.hostname}
          sort={sort}
        />
      )}
      {rows.length === 0 && condition.kind === "loading" && <Skeleton label="Loading hosts" />}
      {rows.length === 0 && condition.kind !== "loading" && (
        <Empty title={all.length === 0 ? "No host has polled yet" : "No host is like that"}>
          {all.length === 0 ? "Hosts are here once their agents poll, or something is enqueued for them." : undefined}
        </Empty>
      )}
    </>
  );
}

function hostRows(fleet: Fleet, now: Instant): HostRow[] {
  return [...fleet.hosts.values()].map((host) => ({
    host,
    pending: pendingOf(fleet, host.hostname),
    presence: presenceOf(host, now),
    isExpiring: expiresWithin(host, 14, now),
  }));
}

function isLike({ host }: HostRow, wanted: string): boolean {
  return host.hostname.includes(wanted) || (host.address?.includes(wanted) ?? false);
}

/** `seen`, or `-seen` for the other way round. */
function sortOf(text: string): Sort {
  const isDown = text.startsWith("-");
  const by = isDown ? text.slice(1) : text;
  const choose = (column: string) => setQuery("sort", column === by && !isDown ? `-${column}` : column);
  return { by, isDown, columns: sortable, choose };
}

function sorted(rows: readonly HostRow[], by: string, isDown: boolean): HostRow[] {
  const key = keys[by] ?? (({ host }: HostRow) => host.hostname);
  const sign = isDown ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(key(a), key(b)) || compare(a.host.hostname, b.host.hostname));
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
