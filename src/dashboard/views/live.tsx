import { useState } from "react";
import { type EventKind, eventKinds } from "../../dispatch/event.js";
import { eventDetails } from "../../words/event-details.js";
import type { FleetEvent } from "../../words/fleet-event.js";
import { useFleet } from "../live-fleet.js";
import { hrefOf, Link, setQuery, usePlace } from "../router.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { Icon } from "../ui/icon.js";
import { KindBadge } from "../ui/kind.js";
import { Empty, Skeleton } from "../ui/notice.js";
import { SearchField } from "../ui/search-field.js";
import { ClockTime } from "../ui/time.js";
import { Heading } from "./heading.js";

const columns: readonly Column<FleetEvent>[] = [
  { name: "at", title: "Time", cell: ({ at }) => <ClockTime at={at} /> },
  { name: "kind", title: "What", cell: ({ kind }) => <KindBadge kind={kind} /> },
  {
    name: "host",
    title: "Host",
    cell: ({ hostname, rolloutId }) => (
      <Link className="row-link id" href={hrefOf("dispatches", hostname, rolloutId)}>
        {hostname}
      </Link>
    ),
  },
  { name: "rollout", title: "Rollout", cell: ({ rolloutId }) => <span className="id">{rolloutId}</span> },
  { name: "details", title: "Details", cell: (event) => <span className="soft">{eventDetails(event)}</span> },
];

/** What happens, as it happens, the newest on top. */
export function LiveView() {
  const { fleet, condition } = useFleet();
  const { query } = usePlace();
  const [paused, setPaused] = useState<readonly FleetEvent[]>();
  const search = query.get("q") ?? "";
  const kind = eventKinds.find((known) => known === query.get("kind"));
  const shown = (paused ?? fleet.recent).filter((event) => isLike(event, search.trim().toLowerCase(), kind));
  const since = paused === undefined ? 0 : fleet.recent.filter(({ id }) => id > (paused.at(-1)?.id ?? 0)).length;
  return (
    <>
      <Heading title="Live">
        <SearchField
          label="Filter by host, rollout or text"
          value={search}
          onChange={(value) => setQuery("q", value)}
        />
        <label className="choice">
          <span>Only</span>
          <select value={kind ?? ""} onChange={(event) => setQuery("kind", event.target.value)}>
            <option value="">everything</option>
            {eventKinds.map((known) => (
              <option key={known} value={known}>
                {known.replace("_", " ")}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          data-shortcut="p"
          aria-pressed={paused !== undefined}
          title="p"
          onClick={() => setPaused(paused === undefined ? fleet.recent : undefined)}
        >
          <Icon name={paused === undefined ? "pause" : "play"} />
          {paused === undefined ? "Pause" : "Go on"}
        </button>
      </Heading>
      {paused !== undefined && (
        <p className="note" role="status">
          Paused.{" "}
          {since === 0 ? "Nothing has happened since." : `${since.toLocaleString("en")} more have happened since.`}
        </p>
      )}
      {shown.length === 0 && condition.kind === "loading" ? (
        <Skeleton label="Loading" />
      ) : shown.length === 0 ? (
        <Empty
          title={fleet.recent.length === 0 ? "Nothing has happened since this page was opened" : "Nothing is like that"}
        >
          {fleet.recent.length === 0 ? "It shows here the moment it does." : undefined}
        </Empty>
      ) : (
        <DataTable
          label="Events, the newest first"
          kind="events"
          columns={columns}
          rows={shown.toReversed()}
          rowKey={({ id }) => String(id)}
        />
      )}
    </>
  );
}

function isLike(event: FleetEvent, wanted: string, kind: EventKind | undefined): boolean {
  if (kind !== undefined && event.kind !== kind) return false;
  if (wanted === "") return true;
  return [event.hostname, event.rolloutId, event.actor, event.detail, event.address ?? ""].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}
