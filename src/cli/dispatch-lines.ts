import type { NewDispatch } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { UsageError } from "../config/usage-error.js";
import { DispatchError } from "../dispatch/errors.js";
import { parseDispatchLine } from "../words/dispatch-line.js";
import { type TextLine, textLines } from "./text-lines.js";

/** Dispatches that are sent as one. */
export interface Batch {
  readonly dispatches: readonly NewDispatch[];
  /** For each of them, the number of the line that it comes from. */
  readonly lines: readonly number[];
  /** How much of the input ends with this batch, in bytes. */
  readonly endByte: number;
}

/**
 * Reads JSON lines, each an object with the fields of a dispatch in snake_case; `soak` with a duration such as `5m` may
 * stand in for `soak_due_at`, and `not_before` and `not_after` may be like `+5m`.
 *
 * @throws UsageError for the first bad line, naming its number, its field and the rule it breaks
 */
export async function* dispatchBatches(
  source: AsyncIterable<unknown>,
  { batchSize, now }: { readonly batchSize: number; readonly now: Date },
): AsyncGenerator<Batch> {
  let dispatches: NewDispatch[] = [];
  let lines: number[] = [];
  let endByte = 0;
  for await (const line of textLines(source)) {
    dispatches.push(parseLine(line, now));
    lines.push(line.number);
    endByte = line.endByte;
    if (dispatches.length < batchSize) continue;
    yield { dispatches, lines, endByte };
    dispatches = [];
    lines = [];
  }
  if (dispatches.length > 0) yield { dispatches, lines, endByte };
}

function parseLine({ number, text }: TextLine, now: Date): NewDispatch {
  try {
    return parseDispatchLine(text, now);
  } catch (cause) {
    if (!(cause instanceof DispatchError)) throw cause;
    throw new UsageError(`line ${number}: ${cause.message}`, undefined, { cause });
  }
}
