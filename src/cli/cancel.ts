import { Command } from "commander";
import { UsageError } from "../config/usage-error.js";
import { DispatchError } from "../dispatch/errors.js";
import { parseReason } from "../dispatch/lease.js";
import { addManual } from "./help.js";
import { type QueueCalls, withQueue } from "./history/queue-calls.js";
import type { Io } from "./io.js";
import {
  cancelJson,
  cancelLines,
  cancelSummary,
  count,
  countsOf,
  type KnownCancel,
  knownCancel,
} from "./operator/cancel-results.js";
import { assertCanAsk, confirm } from "./operator/confirm.js";
import { pairFilter } from "./operator/filters.js";
import { pageSize, pagesOf } from "./operator/pages.js";
import { stateWord } from "./operator/state-word.js";
import { printNote, writeJsonLines, writeLines } from "./operator/write-lines.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";

/** `cancel`: takes dispatches back. */
export function cancelCommand(io: Io): Command {
  const command = new Command("cancel")
    .summary("take dispatches back")
    .description(
      "Take dispatches back that wait or are leased: of one host, of one rollout, or the one of both.\n" +
        "It shows what would be cancelled and asks. What an agent has been handed for good is too late, and stays.\n" +
        "It is safe to repeat. The exit code is 0 if something was cancelled or nothing was left to cancel, 1 if all of it\n" +
        "was too late, 3 if there is no such dispatch.",
    )
    .option("--host <HOST>", "The host whose dispatches are taken back.")
    .option("--rollout <ID>", "The rollout, <channel>@<ref>, whose dispatches are taken back.")
    .option("--reason <TEXT>", "Why, for the history: at most 1024 bytes.")
    .option("--dry-run", "Only show what would be cancelled. The exit code is the one that cancelling would have.")
    .option("--yes", "Do not ask. Needed where there is no terminal to ask on.")
    .option(
      "--json",
      "Print one JSON object on each line: hostname, rollout_id, outcome (cancelled or too_late), state (after the call,\n" +
        "or as it is with --dry-run) and dry_run.",
    );
  addClientOptions(command);
  command.action(() => runCancel(command, io));
  return addManual(command, {
    examples: [
      {
        purpose: "What would be cancelled of a rollout",
        line: "nixfleet-dispatch cancel --rollout stable@a1b2c3d4 --dry-run",
      },
      {
        purpose: "Take a rollout back, from a script",
        line: "nixfleet-dispatch cancel --rollout stable@a1b2c3d4 --reason 'does not boot' --yes",
      },
      { purpose: "Everything that waits for a host; asks first", line: "nixfleet-dispatch cancel --host web-01" },
    ],
    exits: ["ok", "failure", "usage", "not_found", "denied", "unavailable", "interrupted"],
  });
}

interface Cancellation {
  readonly hostname?: string;
  readonly rolloutId?: string;
  readonly reason: string;
}

async function runCancel(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const cancellation: Cancellation = {
    ...pairFilter(options),
    reason: parseReason(options.text("reason") ?? "", "--reason"),
  };
  if (cancellation.hostname === undefined && cancellation.rolloutId === undefined) {
    throw new UsageError("--host or --rollout is missing", "To see what there is: nixfleet-dispatch list");
  }
  const mode = { isDryRun: options.isOn("dryRun"), isSure: options.isOn("yes") };
  if (!mode.isDryRun) assertCanAsk(io, mode.isSure);
  await withQueue(command, io, async (calls) => {
    const results = await carryOut(calls, cancellation, mode, io);
    const json = results.map((result) => cancelJson(result, mode.isDryRun));
    if (options.isOn("json")) await writeJsonLines(io, json, calls.signal);
    else await writeLines(io, resultLines(results, mode.isDryRun, io), calls.signal);
    await judge(calls, cancellation, results, io);
  });
}

interface Mode {
  readonly isDryRun: boolean;
  /** Need not be asked. */
  readonly isSure: boolean;
}

async function carryOut(calls: QueueCalls, cancellation: Cancellation, { isDryRun, isSure }: Mode, io: Io) {
  if (isSure && !isDryRun) return cancel(calls, cancellation, false);
  const preview = await cancel(calls, cancellation, true);
  if (isDryRun || preview.every(({ isTooLate }) => isTooLate)) return preview;
  await ask(preview, io, calls.signal);
  return cancel(calls, cancellation, false);
}

async function cancel({ client, signal }: QueueCalls, cancellation: Cancellation, dryRun: boolean) {
  const { results } = await client.cancelDispatches({ ...cancellation, dryRun }, { signal });
  return results.map(knownCancel);
}

/** How many lines of a preview still show the question under them. */
const mostPreviewLines = 20;

async function ask(preview: readonly KnownCancel[], io: Io, signal: AbortSignal): Promise<void> {
  const aside = { ...io, stdout: io.stderr };
  const lines = cancelLines(preview.slice(0, mostPreviewLines), true, aside);
  const more = preview.length - lines.length;
  await writeLines(aside, [...lines, ...(more > 0 ? [`… and ${more} more`] : [])], signal);
  printNote(io, cancelSummary(preview, true));
  const dispatches = count(preview.filter(({ isTooLate }) => !isTooLate).length);
  await confirm(`Cancel ${dispatches}?`, "not confirmed: nothing was cancelled", io, signal);
}

function resultLines(results: readonly KnownCancel[], isDryRun: boolean, io: Io): string[] {
  const lines = cancelLines(results, isDryRun, io);
  return results.length > 1 ? [...lines, cancelSummary(results, isDryRun)] : lines;
}

/** @throws Error that gives the exit code, unless something was cancelled or nothing was left to be */
async function judge(
  calls: QueueCalls,
  cancellation: Cancellation,
  results: readonly KnownCancel[],
  io: Io,
): Promise<void> {
  if (results.some(({ isTooLate }) => !isTooLate)) return;
  if (results.length > 0) throw new Error(`too late: ${countsOf(results)}, and nothing else is left to cancel`);
  const over = await overBefore(calls, cancellation);
  if (over.length === 0) throw new DispatchError("unknown_dispatch", "there is no such dispatch");
  printNote(io, `nothing is left to cancel: ${countsOf(over)}`);
}

/** What nobody ever had, and nobody will: the server does not speak of it. */
async function overBefore({ client, signal }: QueueCalls, { hostname, rolloutId }: Cancellation) {
  const filter = { ...(hostname && { hostname }), ...(rolloutId && { rolloutId }), pageSize };
  const over: { state: ReturnType<typeof stateWord> }[] = [];
  for await (const { dispatches } of pagesOf((pageToken) =>
    client.listDispatches({ ...filter, pageToken }, { signal }),
  )) {
    over.push(...dispatches.map(({ state }) => ({ state: stateWord(state) })));
  }
  return over;
}
