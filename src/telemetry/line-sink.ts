import { write, writeSync } from "node:fs";

const flushAtChars = 4_096;
const flushAfterMs = 100;
const retryAfterMs = 100;
/** What may wait for a reader that does not keep up. Beyond it lines are lost, rather than memory. */
const maxWaitingChars = 16 * 1_048_576;
/** How long the very end waits for a reader that is slow, but there. */
const patienceAtEndMs = 1_000;

/**
 * Writes log lines to a file descriptor, collected: a line per request must not cost a write per request.
 *
 * A log that cannot be written (disk full, reader gone) loses its lines and disturbs nothing else. pino's own destination
 * ends the process then, or rather tries to: its flush at exit repeats a failing write for ever (sonic-boom 4.2).
 */
export class LineSink {
  readonly #fd: number;
  #waiting: string[] = [];
  #waitingChars = 0;
  #unwritten = Buffer.alloc(0);
  #writing = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
    process.once("exit", () => this.flushSync());
  }

  write(line: string): void {
    if (this.#waitingChars >= maxWaitingChars) return;
    this.#waiting.push(line);
    this.#waitingChars += line.length;
    if (this.#waitingChars >= flushAtChars) this.#flush();
    else this.#flushLater(flushAfterMs);
  }

  /** For the very end, when no event loop turns any more. Waits a little for a full pipe; gives up at any other error. */
  flushSync(): void {
    clearTimeout(this.#timer);
    // What is under way is in the kernel's hands by now, and would come out twice.
    if (this.#writing) this.#unwritten = Buffer.alloc(0);
    this.#collect();
    const deadlineMs = performance.now() + patienceAtEndMs;
    while (this.#unwritten.length > 0 && performance.now() < deadlineMs) {
      try {
        this.#unwritten = this.#unwritten.subarray(writeSync(this.#fd, this.#unwritten));
      } catch (error) {
        // There is nowhere left to say so.
        if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
        sleepSync(5);
      }
    }
  }

  #flushLater(ms: number): void {
    // Not to keep a process alive: what is left at its end is written then.
    this.#timer ??= setTimeout(() => this.#flush(), ms).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing) return;
    if (this.#unwritten.length === 0) this.#collect();
    if (this.#unwritten.length === 0) return;
    this.#writing = true;
    write(this.#fd, this.#unwritten, (error, written) => this.#written(error, written));
  }

  #collect(): void {
    if (this.#waiting.length === 0) return;
    this.#unwritten = Buffer.concat([this.#unwritten, Buffer.from(this.#waiting.join(""))]);
    this.#waiting = [];
    this.#waitingChars = 0;
  }

  #written(error: NodeJS.ErrnoException | null, written: number): void {
    this.#writing = false;
    if (error === null) this.#unwritten = this.#unwritten.subarray(written);
    else if (error.code !== "EAGAIN") this.#unwritten = Buffer.alloc(0);
    if (error !== null) this.#flushLater(retryAfterMs);
    else if (this.#unwritten.length > 0 || this.#waitingChars >= flushAtChars) this.#flush();
    else if (this.#waiting.length > 0) this.#flushLater(flushAfterMs);
  }
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
