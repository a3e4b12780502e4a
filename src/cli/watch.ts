import { Command, Option } from "commander";
import { invalid } from "../dispatch/errors.js";
import { formatSpan } from "../words/elapsed.js";
import { fleetEvent } from "../words/fleet-event.js";
import { localTime, utcTime } from "../words/times.js";
import { connect } from "./connect.js";
import { addManual } from "./help.js";
import { interruptible } from "./interrupt.js";
import type { Io } from "./io.js";
import { EventLines, eventJson } from "./operator/event-line.js";
import { type EventStreamOptions, eventStream, type WatchRequest } from "./operator/event-stream.js";
import { pairFilter } from "./operator/filters.js";
import { printNote, writeJsonLines, writeLines } from "./operator/write-lines.js";
import { type WrittenOptions, writtenOptions } from "./operator/written-options.js";
import { addClientOptions, clientConfig } from "./options.js";
import { messageOf, printWarning } from "./output.js";

/** `watch`: what happens, as it happens. */
export function watchCommand(io: Io): Command {
  const command = new Command("watch")
    .summary("watch what happens, as it happens")
    .description(
      "Print a line for each thing that happens to a dispatch, as it happens, until Ctrl-C. The first column is its number.\n" +
        "After a break it connects again and goes on where it was: nothing is skipped and nothing comes twice. Only the\n" +
        "first connection has to succeed. --timeout is for connecting; the stream itself has none.",
    )
    .option("--host <HOST>", "Only this host.")
    .option("--rollout <ID>", "Only this rollout, <channel>@<ref>.")
    .addOption(new Option("--after <ID>", "Begin behind the event with this number.").conflicts("fromStart"))
    .option("--from-start", "Begin with the oldest that is kept.\n(default: only what happens from now on)")
    .option("--utc", "Show times in UTC, not by the clock of this machine.")
    .option(
      "--json",
      "Print one JSON object on each line: id, at, hostname, rollout_id, kind, attempt, actor, address, wire, detail and\n" +
        "parked_ms. Instants are RFC 3339; what is not set is null.",
    );
  addClientOptions(command);
  command.action(() => runWatch(command, io));
  return addManual(command, {
    examples: [
      { purpose: "How a rollout goes", line: "nixfleet-dispatch watch --rollout stable@a1b2c3d4" },
      {
        purpose: "Rejections as they come, and why",
        line: `nixfleet-dispatch watch --json | jq --unbuffered -r 'select(.kind == "rejected") | [.hostname, .detail] | @tsv'`,
      },
      { purpose: "Go on where a script was", line: "nixfleet-dispatch watch --after 1234 --json" },
    ],
    exits: ["failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

async function runWatch(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const request: WatchRequest = { ...pairFilter(options), afterId: firstId(options) };
  const config = clientConfig(command, io);
  await interruptible(io, async (signal) => {
    const stream = eventStream({
      connect: () => connect(config),
      request,
      timeoutMs: config.timeout,
      signal,
      random: Math.random,
      ...tellingOfBreaks(io),
    });
    const lines = new EventLines(options.isOn("utc") ? utcTime : localTime, io);
    for await (const portion of stream) {
      const events = portion.map(fleetEvent);
      if (options.isOn("json")) await writeJsonLines(io, events.map(eventJson), signal);
      else
        await writeLines(
          io,
          events.map((event) => lines.line(event)),
          signal,
        );
    }
  });
}

/** @throws DispatchError `invalid_argument` */
function firstId(options: WrittenOptions): bigint | undefined {
  const after = options.text("after");
  if (after === undefined) return options.isOn("fromStart") ? 0n : undefined;
  if (/^\d{1,15}$/.test(after)) return BigInt(after);
  throw invalid("--after", `must be the number of an event, not "${after}"`);
}

function tellingOfBreaks(io: Io): Pick<EventStreamOptions, "onBreak" | "onResume"> {
  return {
    onBreak: (cause, delayMs, afterId) => {
      const plan = `connecting again in ${formatSpan(delayMs)}, to go on behind event ${afterId}`;
      printWarning(io, `${messageOf(cause)}; ${plan}`);
    },
    onResume: () => printNote(io, "connected again"),
  };
}
