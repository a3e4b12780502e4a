import { Command } from "commander";
import { parseHostname } from "../dispatch/hostname.js";
import { parseRolloutId } from "../dispatch/rollout.js";
import { formatElapsed } from "../words/elapsed.js";
import { explain } from "../words/explain.js";
import { type Explanation, type Facts, reasons, type Telling } from "../words/explanation.js";
import type { KnownDispatch } from "../words/record.js";
import { dateOf, exactTime } from "../words/times.js";
import { addManual } from "./help.js";
import { factsOfHost, factsOfPair } from "./history/facts.js";
import { dispatchJson, hostJson } from "./history/json.js";
import { withQueue } from "./history/queue-calls.js";
import { paintState } from "./history/style.js";
import { tellingFor } from "./history/telling.js";
import type { Io } from "./io.js";
import { addClientOptions } from "./options.js";
import { paint, printJson, printLine } from "./output.js";
import { formatTable } from "./table.js";

/** `explain`: why a host has not got a dispatch, in one sentence. */
export function explainCommand(io: Io): Command {
  const command = new Command("explain")
    .summary("say why a host has not got a dispatch")
    .description(
      "Say in one sentence why a host has not got a dispatch, or that it has, and what that rests on.\n" +
        "Without ROLLOUT: the host's newest dispatch that waits or is leased, or else its newest, and the others in a line " +
        "each. That nothing was enqueued is an answer too, with exit code 0.",
    )
    .argument("<HOST>", "The host.")
    .argument("[ROLLOUT]", "The rollout, <channel>@<ref>.")
    .option("--utc", "Show times in UTC, not by the clock of this machine.")
    .option(
      "--json",
      "Print one JSON object: sentence, reason, hint, evidence, hostname, rollout_id, dispatch, host, and others (with " +
        `ROLLOUT: only those that wait or are leased). A reason is one of ${reasons.join(", ")}.`,
    );
  addClientOptions(command);
  command.action((host: string, rollout: string | undefined) => runExplain(host, rollout, command, io));
  return addManual(command, {
    examples: [
      { purpose: "Why a host has not got a dispatch", line: "nixfleet-dispatch explain web-01 stable@a1b2c3d4" },
      { purpose: "What a host is waiting for", line: "nixfleet-dispatch explain web-01" },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

async function runExplain(host: string, rollout: string | undefined, command: Command, io: Io): Promise<void> {
  const hostname = parseHostname(host, "HOST");
  const rolloutId = rollout === undefined ? undefined : parseRolloutId(rollout, "ROLLOUT");
  const { json, utc }: Readonly<Record<string, unknown>> = command.opts();
  const { facts, clock } = await withQueue(command, io, async (calls) => ({
    facts: await (rolloutId === undefined ? factsOfHost(calls, hostname) : factsOfPair(calls, hostname, rolloutId)),
    clock: calls.clock,
  }));
  if (json === true) {
    printJson(io, explanationJson(facts, explain(facts, { now: clock.now(), time: exactTime })));
    return;
  }
  const telling = tellingFor(clock, utc === true, io);
  printExplanation(explain(facts, telling), io);
  if (rolloutId === undefined) printOthers(facts.others, telling, io);
}

function explanationJson({ hostname, rolloutId, dispatch, host, others }: Facts, explanation: Explanation) {
  const { sentence, reason, hint, evidence } = explanation;
  return {
    sentence,
    reason,
    hint,
    evidence,
    hostname,
    rollout_id: rolloutId,
    dispatch: dispatch === null ? null : dispatchJson(dispatch),
    host: host === null ? null : hostJson(host),
    others: others.map(dispatchJson),
  };
}

function printExplanation({ sentence, hint, evidence }: Explanation, io: Io): void {
  printLine(io, paint(io, io.stdout, "bold", sentence));
  if (evidence.length > 0) printLine(io);
  for (const line of evidence) printLine(io, `  ${line}`);
  if (hint === null) return;
  printLine(io);
  printLine(io, `${paint(io, io.stdout, "cyan", "hint:")} ${hint}`);
}

function printOthers(others: readonly KnownDispatch[], { now }: Telling, io: Io): void {
  if (others.length === 0) return;
  const rows = others.map(({ rolloutId, state, enqueuedAt, changedAt }) => [
    rolloutId,
    paintState(io, state),
    formatElapsed(dateOf(changedAt), dateOf(now)),
    formatElapsed(dateOf(enqueuedAt), dateOf(now)),
  ]);
  printLine(io);
  printLine(io, "Its other dispatches, the newest first:");
  printLine(io, formatTable(["ROLLOUT", "STATE", "SINCE", "ENQUEUED"], rows));
}
