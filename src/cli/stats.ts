import { Command } from "commander";
import type { GetStatsResponse } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { formatDuration, formatSpan } from "../words/elapsed.js";
import { addManual } from "./help.js";
import { type QueueCalls, withQueue } from "./history/queue-calls.js";
import { paintState } from "./history/style.js";
import type { Io } from "./io.js";
import { type KnownStats, knownStats, statsJson } from "./operator/stats-record.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";
import { printJson, printLine, printWarning } from "./output.js";

/** `stats`: the queue in numbers. */
export function statsCommand(io: Io): Command {
  const command = new Command("stats")
    .summary("show the queue in numbers")
    .description(
      "Show the queue in numbers: dispatches by state, what waits longest, polls that are parked at the server that is\n" +
        "asked, hosts, events, and how long the server has been up. Warns if its clock and this machine's are apart.",
    )
    .option(
      "--json",
      "Print one JSON object: states (a number for each), oldest_pending_at, oldest_pending_ms, parked_polls, parked_hosts,\n" +
        "hosts, last_event_id, version, started_at, uptime_ms, now, and clock_ahead_ms: how far the server's clock is\n" +
        "ahead of this machine's.",
    );
  addClientOptions(command);
  command.action(() => runStats(command, io));
  return addManual(command, {
    examples: [
      { purpose: "How the queue stands", line: "nixfleet-dispatch stats" },
      {
        purpose: "How many dispatches wait, for a script",
        line: "nixfleet-dispatch stats --json | jq .states.pending",
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

async function runStats(command: Command, io: Io): Promise<void> {
  const stats = await withQueue(command, io, getStats);
  warnOfClock(stats, io);
  if (writtenOptions(command).isOn("json")) printJson(io, statsJson(stats));
  else printStats(stats, io);
}

async function getStats({ client, signal }: QueueCalls): Promise<KnownStats> {
  const askedMs = Date.now();
  const response: GetStatsResponse = await client.getStats({}, { signal });
  return knownStats(response, { askedMs, answeredMs: Date.now() });
}

/** Below this, leases and `ago` are as good as right. */
const tolerableMs = 2_000;

function warnOfClock({ clockAheadMs, clockUncertainMs }: KnownStats, io: Io): void {
  if (Math.abs(clockAheadMs) - clockUncertainMs <= tolerableMs) return;
  const side = clockAheadMs > 0 ? "ahead of" : "behind";
  printWarning(io, `the server's clock is ${formatSpan(Math.abs(clockAheadMs))} ${side} this machine's`);
}

function printStats(stats: KnownStats, io: Io): void {
  const mostDigits = Math.max(...stats.states.map(({ count }) => String(count).length));
  for (const { state, count } of stats.states) {
    printLine(io, `${state.padEnd(14)}${String(count).padStart(mostDigits)}`.replace(state, paintState(io, state)));
  }
  printLine(io);
  const { oldestPendingMs, parkedPolls, parkedHosts } = stats;
  const facts: [name: string, value: string][] = [
    ["oldest pending", oldestPendingMs === null ? "none" : `${formatDuration(oldestPendingMs)} old`],
    ["parked polls", `${parkedPolls} of ${parkedHosts === 1 ? "1 host" : `${parkedHosts} hosts`}`],
    ["hosts", String(stats.hosts)],
    ["last event", String(stats.lastEventId)],
    ["up for", formatDuration(stats.uptimeMs)],
    ["version", stats.version],
  ];
  for (const [name, value] of facts) printLine(io, `${name.padEnd(16)}${value}`);
}
