import { readFileSync, statSync } from "node:fs";
import type { Log } from "../dispatch/ports.js";
import { parseRevocations, type Revocations } from "./revocations.js";

/** A revocation has to take effect within 2 s, so the file is looked at every second. */
const lookEveryMs = 1_000;

/**
 * The file of `--revocations`, followed as it changes. It is looked at by time stamp rather than by events, since on NixOS
 * it is often a symbolic link that is moved to a new target. Not by `fs.watchFile`, which takes its first look some time
 * after it is called: what changed between the first reading and that look would never be noticed.
 */
export class RevocationFile {
  #revocations: Revocations;
  /** What the file looked like before it was last read. */
  #version: string;
  readonly #timer: NodeJS.Timeout;
  readonly #path: string;
  readonly #log: Log;
  #tellChange: () => void = () => undefined;

  /** @throws Error if the file cannot be read or is not a list of revocations: a server must not start without it */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#version = this.#look();
    this.#revocations = this.#read();
    this.#timer = setInterval(() => {
      if (this.#look() !== this.#version) this.reload();
    }, lookEveryMs).unref();
  }

  /** One listener, called after each change that was taken over. */
  onChange(listener: () => void): void {
    this.#tellChange = listener;
  }

  /** Milliseconds since 1970; `undefined` for who is not on the list. */
  revokedBeforeMs(subject: string): number | undefined {
    return this.#revocations.get(subject);
  }

  entries(): Iterable<readonly [subject: string, revokedBeforeMs: number]> {
    return this.#revocations;
  }

  /** All of the new list or, if the file is bad, the old one. */
  reload(): void {
    this.#version = this.#look();
    try {
      this.#revocations = this.#read();
    } catch (error) {
      this.#log.error({ err: error }, "the old revocations stay in force");
      return;
    }
    this.#log.info({ path: this.#path, revocations: this.#revocations.size }, "revocations read");
    this.#tellChange();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = statSync(this.#path, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join();
    } catch (error) {
      return String(error);
    }
  }

  #read(): Revocations {
    try {
      return parseRevocations(readFileSync(this.#path, "utf8"));
    } catch (error) {
      throw new Error(`${this.#path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
