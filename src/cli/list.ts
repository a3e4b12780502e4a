import { create } from "@bufbuild/protobuf";
import { Command, Option } from "commander";
import {
  type ListDispatchesRequest,
  ListDispatchesRequestSchema,
} from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { dispatchStates } from "../dispatch/dispatch.js";
import { invalid } from "../dispatch/errors.js";
import { timestampFromInstant } from "../http/convert.js";
import { stateToProto } from "../http/convert-history.js";
import { type KnownDispatch, knownDispatch } from "../words/record.js";
import { addManual } from "./help.js";
import { dispatchJson } from "./history/json.js";
import { type QueueCalls, withQueue } from "./history/queue-calls.js";
import { tellingFor } from "./history/telling.js";
import type { Io } from "./io.js";
import { dispatchTable } from "./operator/dispatch-table.js";
import { addHostOptions, hostFilter, rolloutFilter } from "./operator/filters.js";
import { pageSize, pagesOf } from "./operator/pages.js";
import { parsePastInstant } from "./operator/past-instant.js";
import { printNote, writeJsonLines, writeLines } from "./operator/write-lines.js";
import { type WrittenOptions, writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";

/** `list`: the dispatches there are. */
export function listCommand(io: Io): Command {
  const command = new Command("list")
    .summary("list dispatches")
    .description(
      "List dispatches and where they stand, in the order of host and rollout. Filters narrow it down together.\n" +
        "SINCE is how long a dispatch has been in its state. That nothing is found is no error.",
    );
  addHostOptions(command)
    .addOption(new Option("--rollout <ID>", "Only this rollout, <channel>@<ref>.").conflicts("channel"))
    .option("--channel <CHANNEL>", "Only rollouts of this channel: the part before the @.")
    .addOption(new Option("--state <STATE...>", "Only dispatches in one of these states.").choices(dispatchStates))
    .option("--enqueued-after <T>", "Only those enqueued at T or later: RFC 3339, or how long ago, such as 2h.")
    .option("--enqueued-before <T>", "Only those enqueued before T.")
    .option("--limit <N>", "No more than so many. It is said when there are more.")
    .option(
      "--json",
      "Print one JSON object on each line: hostname, rollout_id, target_closure, soak_due_at, enqueued_at, state, attempt,\n" +
        "max_attempts, not_before, not_after, lease_expires_at, reason and changed_at. Instants are RFC 3339; what is not\n" +
        "set is null.",
    );
  addClientOptions(command);
  command.action(() => runList(command, io));
  return addManual(command, {
    examples: [
      { purpose: "What waits, and for whom", line: "nixfleet-dispatch list --state pending" },
      {
        purpose: "Who has not finished a rollout",
        line: "nixfleet-dispatch list --rollout stable@a1b2c3d4 --state pending leased",
      },
      {
        purpose: "What was rejected in the last day, and why",
        line: `nixfleet-dispatch list --state rejected --enqueued-after 1d --json | jq -r '[.hostname, .reason] | @tsv'`,
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

async function runList(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const request = listRequest(options, new Date());
  const limit = parseLimit(options.text("limit"));
  const isJson = options.isOn("json");
  await withQueue(command, io, async (calls) => {
    const found = new Limited(limit);
    const rows: KnownDispatch[] = [];
    for await (const page of dispatchPages(calls, request, limit)) {
      const dispatches = found.take(page);
      if (isJson) await writeJsonLines(io, dispatches.map(dispatchJson), calls.signal);
      else rows.push(...dispatches);
      if (found.isCut) break;
    }
    if (!isJson && rows.length > 0) {
      const { now } = tellingFor(calls.clock, false, io);
      await writeLines(io, dispatchTable(rows, now, io), calls.signal);
    }
    if (found.count === 0) printNote(io, "no dispatch was found");
    if (found.isCut) printNote(io, `there are more than these ${found.count}`);
  });
}

/** @throws DispatchError `invalid_argument` */
function listRequest(options: WrittenOptions, now: Date): ListDispatchesRequest {
  const instant = (name: string, flag: string) => {
    const text = options.text(name);
    return text === undefined ? undefined : timestampFromInstant(parsePastInstant(text, flag, now));
  };
  const enqueuedAfter = instant("enqueuedAfter", "--enqueued-after");
  const enqueuedBefore = instant("enqueuedBefore", "--enqueued-before");
  const states = options.list("state");
  return create(ListDispatchesRequestSchema, {
    ...hostFilter(options),
    ...rolloutFilter(options),
    states: dispatchStates.filter((state) => states.includes(state)).map((state) => stateToProto[state]),
    ...(enqueuedAfter && { enqueuedAfter }),
    ...(enqueuedBefore && { enqueuedBefore }),
  });
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw invalid("--limit", `must be a whole number from 1 to 999999999, not "${text}"`);
}

async function* dispatchPages({ client, signal, clock }: QueueCalls, request: ListDispatchesRequest, limit: number) {
  // One more than is shown tells whether there are more.
  const size = Math.min(pageSize, limit + 1);
  const pages = pagesOf((pageToken) =>
    client.listDispatches({ ...request, pageSize: size, pageToken }, { signal, onHeader: clock.onHeader }),
  );
  for await (const { dispatches } of pages) yield dispatches.map(knownDispatch);
}

/** Lets so many through. */
class Limited {
  readonly #limit: number;
  count = 0;
  isCut = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take<T>(items: readonly T[]): readonly T[] {
    const taken = items.slice(0, this.#limit - this.count);
    this.count += taken.length;
    this.isCut = taken.length < items.length;
    return taken;
  }
}
