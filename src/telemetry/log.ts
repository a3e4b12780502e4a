import pino, { type Logger } from "pino";
import pretty from "pino-pretty";
import { LineSink } from "./line-sink.js";

export type LogFormat = "auto" | "json" | "pretty";

export interface LogOptions {
  readonly level: string;
  /** `auto` is for people on a terminal and JSON everywhere else. */
  readonly format: LogFormat;
  readonly isTty: boolean;
  readonly colour: boolean;
}

/**
 * The server's log, on stderr: one JSON object a line, or words for people.
 *
 * Nothing secret is ever handed to it: it sees names, addresses and errors, no keys, no certificates, no bodies.
 */
export function createLog({ level, format, isTty, colour }: LogOptions): Logger {
  const forPeople = format === "pretty" || (format === "auto" && isTty);
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!forPeople) {
    return pino(options, new LineSink(2));
  }
  return pino(
    options,
    pretty({ colorize: colour, destination: 2, sync: true, translateTime: "SYS:HH:MM:ss.l", singleLine: true }),
  );
}
