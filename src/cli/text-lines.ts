import { UsageError } from "../config/usage-error.js";

export interface TextLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** How much of the input ends with this line, in bytes. */
  readonly endByte: number;
}

/** A dispatch has less than 1 KiB; what never ends must not fill the memory. */
export const maxLineBytes = 64 * 1024;

const newline = 0x0a;

/**
 * The lines of a stream of bytes, with one in memory at a time. Blank ones are left out, but counted.
 *
 * @throws UsageError for a line that is too long or no UTF-8
 */
export async function* textLines(source: AsyncIterable<unknown>): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 0;
  let endByte = 0;
  for await (const bytes of byteLines(source, () => number + 1)) {
    number += 1;
    endByte += bytes.length;
    const text = decode(decoder, bytes, number).trim();
    if (text !== "") yield { number, text, endByte };
  }
}

/** Each with the newline at its end, if it has one. */
async function* byteLines(source: AsyncIterable<unknown>, lineNumber: () => number): AsyncGenerator<Buffer> {
  let start: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    let rest = toBuffer(chunk);
    for (let end = rest.indexOf(newline); end !== -1; end = rest.indexOf(newline)) {
      yield checkLength(Buffer.concat([start, rest.subarray(0, end + 1)]), lineNumber());
      start = Buffer.alloc(0);
      rest = rest.subarray(end + 1);
    }
    start = checkLength(Buffer.concat([start, rest]), lineNumber());
  }
  if (start.length > 0) yield start;
}

function toBuffer(chunk: unknown): Buffer {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return Buffer.from(String(chunk));
}

function checkLength(line: Buffer, number: number): Buffer {
  if (line.length <= maxLineBytes) return line;
  throw new UsageError(`line ${number}: has more than ${maxLineBytes} bytes`);
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Buffer, number: number): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new UsageError(`line ${number}: is not UTF-8`, undefined, { cause });
  }
}
