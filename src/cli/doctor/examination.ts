import type { Command } from "commander";
import type { Io } from "../io.js";
import type { Report } from "./report.js";

/** What was asked for, and where the findings go. */
export interface Examination {
  readonly command: Command;
  readonly io: Io;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** 0: silence is not held. */
  readonly pollMs: number;
  readonly agentFiles: { readonly cert: string; readonly key: string } | undefined;
}
