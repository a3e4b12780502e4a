import { Command, Option } from "commander";
import { type Instant, instantToMs } from "../dispatch/instant.js";
import { addManual } from "./help.js";
import { type QueueCalls, withQueue } from "./history/queue-calls.js";
import { tellingFor } from "./history/telling.js";
import type { Io } from "./io.js";
import { addHostOptions, hostFilter } from "./operator/filters.js";
import { hostReportJson, type KnownHostReport, knownHostReport } from "./operator/host-report.js";
import { hostTable } from "./operator/host-table.js";
import { pageSize, pagesOf } from "./operator/pages.js";
import { parseSpan } from "./operator/past-instant.js";
import { printNote, writeJsonLines, writeLines } from "./operator/write-lines.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";

/** `hosts`: who polls, and who does not. */
export function hostsCommand(io: Io): Command {
  const command = new Command("hosts")
    .summary("list hosts, and who polls")
    .description(
      "List the hosts that have polled or have dispatches, in the order of their names. PARKED counts the polls that wait,\n" +
        "and names the servers where they do. That nothing is found is no error.",
    );
  addHostOptions(command)
    .addOption(new Option("--parked", "Only hosts that have a poll parked now.").conflicts("notSeenFor"))
    .option("--not-seen-for <DURATION>", "Only hosts that have not polled for so long, or never: such as 30m or 2d.")
    .option(
      "--json",
      "Print one JSON object on each line: hostname, last_seen_at, address, wire, agent_version, certificate_not_after,\n" +
        "revoked_before, parked_polls, parked_since, parked_at (server, polls and since), pending, last_rollout_id,\n" +
        "last_state and last_changed_at. Instants are RFC 3339; what is not known is null.",
    );
  addClientOptions(command);
  command.action(() => runHosts(command, io));
  return addManual(command, {
    examples: [
      { purpose: "Who polls now", line: "nixfleet-dispatch hosts --parked" },
      { purpose: "Who has been away since yesterday", line: "nixfleet-dispatch hosts --not-seen-for 1d" },
      {
        purpose: "Whose certificates end first, for a script",
        line: `nixfleet-dispatch hosts --json | jq -r 'select(.certificate_not_after) | [.certificate_not_after, .hostname] | @tsv' | sort`,
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

type Wanted = (report: KnownHostReport, now: Instant) => boolean;

async function runHosts(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const filter = hostFilter(options);
  const isWanted = wanted(options.isOn("parked"), options.text("notSeenFor"));
  await withQueue(command, io, async (calls) => {
    const found: KnownHostReport[] = [];
    for await (const { hosts } of hostPages(calls, filter)) {
      const now = calls.clock.now();
      const reports = hosts.map(knownHostReport).filter((report) => isWanted(report, now));
      if (options.isOn("json")) await writeJsonLines(io, reports.map(hostReportJson), calls.signal);
      found.push(...reports);
    }
    if (found.length === 0) return printNote(io, "no host was found");
    if (options.isOn("json")) return;
    const { now } = tellingFor(calls.clock, false, io);
    await writeLines(io, hostTable(found, now, io), calls.signal);
  });
}

function hostPages({ client, signal, clock }: QueueCalls, filter: ReturnType<typeof hostFilter>) {
  return pagesOf((pageToken) =>
    client.listHosts({ ...filter, pageSize, pageToken }, { signal, onHeader: clock.onHeader }),
  );
}

/** @throws DispatchError `invalid_argument` */
function wanted(isParked: boolean, notSeenFor: string | undefined): Wanted {
  if (isParked) return ({ host }) => host.parkedPolls > 0;
  if (notSeenFor === undefined) return () => true;
  const spanMs = parseSpan(notSeenFor, "--not-seen-for");
  return ({ host: { lastSeenAt, parkedPolls } }, now) =>
    // Whose poll is parked is there, however long ago the poll came.
    parkedPolls === 0 && (lastSeenAt === null || instantToMs(now) - instantToMs(lastSeenAt) >= spanMs);
}
