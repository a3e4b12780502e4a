import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { UsageError } from "../config/usage-error.js";
import { type Batch, dispatchBatches } from "./dispatch-lines.js";
import { type Enqueued, type EnqueueTerms, enqueue, type Outcome } from "./enqueue-call.js";
import { exitNameOf } from "./exit.js";
import { openInput } from "./input.js";
import type { Io } from "./io.js";
import { messageOf, printJson, printLine } from "./output.js";
import { progressBar } from "./progress-bar.js";

export interface FileOptions extends EnqueueTerms {
  /** `-` for stdin. */
  readonly path: string;
  /** How many dispatches go into one call. */
  readonly batchSize: number;
  readonly json: boolean;
  /** From where a `soak` counts. */
  readonly now: Date;
}

/**
 * Enqueues a file of JSON lines, batch after batch, with one batch in memory.
 *
 * @throws an error that says what was wrong, and how far it came: a UsageError if nothing was enqueued because of a bad
 * line
 */
export async function enqueueFile(
  client: Client<typeof QueueService>,
  { path, batchSize, json, now, supersede }: FileOptions,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const tally = new Tally();
  const bar = progressBar(io);
  const input = openInput(path, io, signal);
  try {
    for await (const batch of dispatchBatches(input.bytes, { batchSize, now })) {
      const results = await send(client, batch, { supersede }, signal);
      tally.add(batch, results);
      bar.clear();
      if (json) for (const result of results) printJson(io, result);
      const fraction = input.sizeBytes === undefined ? undefined : batch.endByte / input.sizeBytes;
      bar.draw(fraction, tally.toString());
    }
  } catch (thrown) {
    throw interrupted(thrown, tally, signal);
  } finally {
    bar.clear();
    input.close();
  }
  if (!json) printLine(io, tally.toString());
}

/** @throws UsageError with the number of the line, if the server finds a rule broken */
async function send(
  client: Client<typeof QueueService>,
  batch: Batch,
  terms: EnqueueTerms,
  signal: AbortSignal,
): Promise<Enqueued[]> {
  try {
    return await enqueue(client, batch.dispatches, terms, signal);
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const [, index, problem] = /^dispatches\[(\d+)\]\.?(.*)$/s.exec(error.rawMessage) ?? [];
    const line = error.code === Code.InvalidArgument ? batch.lines[Number(index)] : undefined;
    throw line === undefined ? thrown : new UsageError(`line ${line}: ${problem}`, undefined, { cause: thrown });
  }
}

/** What has been enqueued so far. */
class Tally {
  readonly #outcomes: Record<Outcome, number> = { created: 0, replaced: 0, kept: 0 };
  #superseded = 0;
  lastLine = 0;

  add(batch: Batch, results: readonly Enqueued[]): void {
    for (const { outcome, superseded } of results) {
      this.#outcomes[outcome] += 1;
      this.#superseded += superseded;
    }
    this.lastLine = batch.lines.at(-1) ?? this.lastLine;
  }

  toString(): string {
    const { created, replaced, kept } = this.#outcomes;
    const total = created + replaced + kept;
    const outcomes = `${created} created, ${replaced} replaced${kept === 0 ? "" : `, ${kept} kept`}`;
    const older = this.#superseded === 0 ? "" : `, ${this.#superseded} older superseded`;
    return `${total} ${total === 1 ? "dispatch" : "dispatches"} enqueued: ${outcomes}${older}`;
  }
}

function interrupted(thrown: unknown, tally: Tally, signal: AbortSignal): unknown {
  const cause: unknown = signal.aborted ? signal.reason : thrown;
  const isBadInput = cause instanceof UsageError;
  if (tally.lastLine === 0 && isBadInput) return new UsageError(cause.message, "Nothing was enqueued.", { cause });
  const notes = [
    tally.lastLine === 0 ? "" : `up to line ${tally.lastLine}, ${tally}`,
    isBadInput ? "nothing after that" : exitNameOf(cause) === "denied" ? "" : "it is safe to repeat the whole command",
  ].filter((note) => note !== "");
  const message = notes.length === 0 ? messageOf(cause) : `${messageOf(cause)} (${notes.join("; ")})`;
  // Not with a UsageError as its cause: its exit code would say that nothing was done.
  return new Error(message, isBadInput ? undefined : { cause });
}
