import { Command } from "commander";
import { parseHostname } from "../dispatch/hostname.js";
import type { Instant } from "../dispatch/instant.js";
import { parseRolloutId } from "../dispatch/rollout.js";
import { formatSpan } from "../words/elapsed.js";
import { eventTexts } from "../words/event-text.js";
import { hostLines } from "../words/evidence.js";
import type { Telling } from "../words/explanation.js";
import type { KnownDispatch } from "../words/record.js";
import { folded, timelineOf } from "../words/timeline.js";
import { whenFrom } from "../words/times.js";
import { addManual } from "./help.js";
import { dispatchJson, entryJson, hostJson } from "./history/json.js";
import { getHistory, type History, withQueue } from "./history/queue-calls.js";
import { paintKind, paintState } from "./history/style.js";
import { tellingFor } from "./history/telling.js";
import type { Io } from "./io.js";
import { addClientOptions } from "./options.js";
import { paint, printJson, printLine } from "./output.js";
import { formatTable } from "./table.js";

/** `show`: one dispatch and everything that has happened to it. */
export function showCommand(io: Io): Command {
  const command = new Command("show")
    .summary("show a dispatch and its history")
    .description(
      "Show a dispatch and everything that has happened to it, each line with its distance from the one before.",
    )
    .argument("<HOST>", "The host that it is for.")
    .argument("<ROLLOUT>", "The rollout, <channel>@<ref>.")
    .option("--utc", "Show times in UTC, not by the clock of this machine.")
    .option(
      "--json",
      "Print one JSON object: dispatch, events (oldest first), events_complete, and host, which is null if nothing " +
        "is known of it. Instants are RFC 3339; what is not set is null.",
    );
  addClientOptions(command);
  command.action((host: string, rollout: string) => runShow({ host, rollout }, command, io));
  return addManual(command, {
    examples: [
      { purpose: "What has become of a dispatch", line: "nixfleet-dispatch show web-01 stable@a1b2c3d4" },
      {
        purpose: "When it was acknowledged, for a script",
        line: `nixfleet-dispatch show web-01 stable@a1b2c3d4 --json | jq -r '.events[] | select(.kind == "acknowledged").at'`,
      },
    ],
    exits: ["ok", "failure", "usage", "not_found", "denied", "unavailable", "interrupted"],
  });
}

async function runShow(
  { host, rollout }: { readonly host: string; readonly rollout: string },
  command: Command,
  io: Io,
): Promise<void> {
  const key = { hostname: parseHostname(host, "HOST"), rolloutId: parseRolloutId(rollout, "ROLLOUT") };
  const { json, utc }: Readonly<Record<string, unknown>> = command.opts();
  const { history, clock } = await withQueue(command, io, async (calls) => ({
    history: await getHistory(calls, key),
    clock: calls.clock,
  }));
  if (json === true) {
    printJson(io, historyJson(history));
    return;
  }
  printHistory(history, tellingFor(clock, utc === true, io), io);
}

function historyJson({ dispatch, events, isCut, host }: History) {
  return {
    dispatch: dispatchJson(dispatch),
    events: timelineOf(events).map(entryJson),
    events_complete: !isCut,
    host: host === null ? null : hostJson(host),
  };
}

function printHistory({ dispatch, events, isCut, host }: History, telling: Telling, io: Io): void {
  const { hostname, rolloutId, state } = dispatch;
  printLine(io, `${hostname}  ${rolloutId}  ${paintState(io, state)}`);
  printLine(io);
  for (const [name, value] of facts(dispatch, telling)) printLine(io, `  ${name.padEnd(12)}  ${value}`);
  const lines = host === null ? [] : hostLines(host, telling);
  for (const [i, line] of lines.entries()) printLine(io, `  ${(i === 0 ? "host" : "").padEnd(12)}  ${line}`);
  printLine(io);
  if (isCut) printLine(io, `  Only the latest ${events.length} events:`);
  const entries = folded(timelineOf(events));
  const texts = eventTexts(entries, dispatch, telling.time);
  const rows = entries.map(({ event, sincePreviousMs }, i) => [
    telling.time.fine(event.at),
    paint(io, io.stdout, "dim", sincePreviousMs === null ? "" : `+${formatSpan(sincePreviousMs)}`),
    paintKind(io, event.kind, texts[i] ?? ""),
  ]);
  printLine(io, formatTable(["TIME", "AFTER", "EVENT"], rows));
}

function facts(dispatch: KnownDispatch, { now, time }: Telling): [name: string, value: string][] {
  const when = whenFrom(now, time);
  const optional = (name: string, instant: Instant | null): [string, string][] =>
    instant === null ? [] : [[name, when(instant)]];
  return [
    ["closure", dispatch.targetClosure],
    ["enqueued", when(dispatch.enqueuedAt)],
    ["soak due", when(dispatch.soakDueAt)],
    ...optional("not before", dispatch.notBefore),
    ...optional("not after", dispatch.notAfter),
    ["attempts", `${dispatch.attempt} of ${dispatch.maxAttempts}`],
    ...optional("lease until", dispatch.leaseExpiresAt),
    ...(dispatch.reason === null ? [] : [["reason", dispatch.reason] satisfies [string, string]]),
    ["state since", when(dispatch.changedAt)],
  ];
}
