import { createClient } from "@connectrpc/connect";
import { Command } from "commander";
import { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { UsageError } from "../config/usage-error.js";
import { defaultMaxAttempts, maxDispatchesPerEnqueue, mostMaxAttempts } from "../dispatch/enqueue.js";
import { type FieldNames, newDispatch, type WrittenFields } from "../words/new-dispatch.js";
import { connect } from "./connect.js";
import { type Enqueued, enqueue } from "./enqueue-call.js";
import { enqueueFile } from "./enqueue-file.js";
import { exitNameOf } from "./exit.js";
import { addManual } from "./help.js";
import { interruptible } from "./interrupt.js";
import type { Io } from "./io.js";
import { addClientOptions, clientConfig } from "./options.js";
import { messageOf, printJson, printLine } from "./output.js";

const defaultBatchSize = 1_000;

const flags: FieldNames = {
  hostname: "--host",
  rolloutId: "--rollout",
  targetClosure: "--closure",
  soak: "--soak",
  soakDueAt: "--soak-due-at",
  notBefore: "--not-before",
  notAfter: "--not-after",
  maxAttempts: "--max-attempts",
};

/** `enqueue`: puts one dispatch, or a file of them, into the queue. */
export function enqueueCommand(io: Io): Command {
  const command = new Command("enqueue")
    .summary("put dispatches into the queue")
    .description(
      "Put dispatches into the queue: one by flags, or many from a file.\n" +
        "It is safe to repeat: a dispatch that still waits for the same host and rollout is replaced. One whose closure " +
        "is handed out under a lease just then is kept: the lease goes on, and only the soak changes.",
    )
    .option("--host <HOST>", "The host that it is for.")
    .option("--rollout <ID>", "The rollout, <channel>@<ref>, such as stable@a1b2c3d4.")
    .option("--closure <PATH>", "What the host shall activate, /nix/store/<name>.")
    .option("--soak <DURATION>", "How long it soaks, counted from now: a whole number of ms, s, m, h or d.")
    .option("--soak-due-at <INSTANT>", "When its soak is over, by RFC 3339: 2026-05-16T01:30:00Z.")
    .option("--not-before <INSTANT|+DURATION>", "It is not handed out before: by RFC 3339, or +5m from now.")
    .option("--not-after <INSTANT|+DURATION>", "It expires if it still waits then.")
    .option(
      "--max-attempts <N>",
      `How often it is handed out before it is given up as dead: 1 to ${mostMaxAttempts}.\n` +
        `(default: ${defaultMaxAttempts})`,
    )
    .option(
      "--supersede",
      "It takes the place of the older ones of its host and channel that still wait, so that a host which was away " +
        "does not activate them one after the other. Goes with --file too.",
    )
    .option(
      "--file <FILE>",
      "JSON lines, each with hostname, rollout_id, target_closure and soak_due_at (or soak), and perhaps not_before, " +
        "not_after and max_attempts; - is stdin.",
    )
    .option(
      "--batch <N>",
      `How many lines of the file are enqueued at once, all or none: 1 to ${maxDispatchesPerEnqueue}.\n` +
        `(default: ${defaultBatchSize})`,
    )
    .option(
      "--json",
      "Print one JSON object for each dispatch: hostname, rollout_id, outcome (created, replaced or kept), superseded and " +
        "enqueued_at.",
    );
  addClientOptions(command);
  command.action(() => runEnqueue(command, io));
  return addManual(command, {
    examples: [
      {
        purpose: "One dispatch, which soaks for five minutes",
        line:
          "nixfleet-dispatch enqueue --host web-01 --rollout stable@a1b2c3d4 --soak 5m " +
          "--closure /nix/store/0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-nixos-system-web-01-26.05",
      },
      {
        purpose: "A whole rollout, in place of what still waits from earlier ones of its channel",
        line: "nixfleet-dispatch enqueue --file fleet.jsonl --supersede",
      },
      {
        purpose: "One for the coming night, or not at all",
        line:
          "nixfleet-dispatch enqueue --host web-01 --rollout stable@a1b2c3d4 --soak 5m " +
          "--closure /nix/store/0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-nixos-system-web-01-26.05 " +
          "--not-before 2026-05-17T01:00:00+02:00 --not-after 2026-05-17T05:00:00+02:00",
      },
      { purpose: "One that another program makes", line: "plan-rollout | nixfleet-dispatch enqueue --file -" },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

async function runEnqueue(command: Command, io: Io): Promise<void> {
  const { file, batch, json, supersede, ...written } = readOptions(command);
  const now = new Date();
  const fields = Object.values(written).some((value) => value !== undefined);
  if (file !== undefined && fields) {
    throw new UsageError(`--file excludes ${Object.values(flags).join(", ")}`);
  }
  if (file === undefined && batch !== undefined) throw new UsageError("--batch goes with --file only");
  const batchSize = parseBatchSize(batch);
  const dispatch = file === undefined ? newDispatch(written, flags, now) : undefined;
  const connection = await connect(clientConfig(command, io));
  try {
    const client = createClient(QueueService, connection.transport);
    await interruptible(io, async (signal) => {
      if (file !== undefined) return enqueueFile(client, { path: file, batchSize, json, now, supersede }, io, signal);
      if (dispatch === undefined) return;
      return enqueueOne(() => enqueue(client, [dispatch], { supersede }, signal), json, io, signal);
    });
  } finally {
    connection.close();
  }
}

async function enqueueOne(
  call: () => ReturnType<typeof enqueue>,
  json: boolean,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const results = await call().catch((thrown: unknown) => {
    const cause: unknown = signal.aborted ? signal.reason : thrown;
    if (["usage", "denied"].includes(exitNameOf(cause))) throw cause;
    throw new Error(`${messageOf(cause)} (it is safe to repeat the command)`, { cause });
  });
  for (const result of results) {
    if (json) printJson(io, result);
    else printLine(io, resultLine(result));
  }
}

function resultLine({ outcome, hostname, rollout_id, superseded }: Enqueued): string {
  const kept = outcome === "kept" ? "  its lease goes on; only the soak changed" : "";
  const older = superseded === 0 ? "" : `  ${superseded} older superseded`;
  return `${outcome}  ${hostname}  ${rollout_id}${kept}${older}`;
}

interface EnqueueOptions extends WrittenFields {
  readonly file: string | undefined;
  readonly batch: string | undefined;
  readonly json: boolean;
  readonly supersede: boolean;
}

function readOptions(command: Command): EnqueueOptions {
  const options: Readonly<Record<string, unknown>> = command.opts();
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    hostname: text("host"),
    rolloutId: text("rollout"),
    targetClosure: text("closure"),
    soak: text("soak"),
    soakDueAt: text("soakDueAt"),
    notBefore: text("notBefore"),
    notAfter: text("notAfter"),
    maxAttempts: text("maxAttempts"),
    file: text("file"),
    batch: text("batch"),
    json: options.json === true,
    supersede: options.supersede === true,
  };
}

function parseBatchSize(text: string | undefined): number {
  if (text === undefined) return defaultBatchSize;
  const size = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (size >= 1 && size <= maxDispatchesPerEnqueue) return size;
  throw new UsageError(`--batch: must be a whole number from 1 to ${maxDispatchesPerEnqueue}, not "${text}"`);
}
