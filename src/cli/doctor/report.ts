import { oneLine } from "../../words/one-line.js";
import type { Io } from "../io.js";
import { printNote } from "../operator/write-lines.js";
import { paint, printJson, printLine } from "../output.js";
import { type CheckName, checkNames, type Finding } from "./finding.js";

const colours = { ok: "green", warn: "yellow", fail: "red", skip: "dim" } as const;
const statusWidth = "warn".length;
const nameWidth = Math.max(...checkNames.map((name) => name.length));

/** Prints each finding as it comes, and keeps count. */
export class Report {
  readonly #io: Io;
  readonly #isJson: boolean;
  readonly #counts = { ok: 0, warn: 0, fail: 0, skip: 0 };

  constructor(io: Io, isJson: boolean) {
    this.#io = io;
    this.#isJson = isJson;
  }

  add(check: CheckName, finding: Finding): void {
    const { status, detail, advice } = finding;
    this.#counts[status] += 1;
    if (this.#isJson) printJson(this.#io, { check, status, detail: oneLine(detail), advice: advice ?? null });
    else this.#print(check, finding);
  }

  #print(check: CheckName, { status, detail, advice }: Finding): void {
    const word = paint(this.#io, this.#io.stdout, colours[status], status.padEnd(statusWidth));
    printLine(this.#io, `${word}  ${check.padEnd(nameWidth)}  ${oneLine(detail)}`);
    if (advice !== undefined) printLine(this.#io, `${" ".repeat(statusWidth + nameWidth + 4)}→ ${oneLine(advice)}`);
  }

  /** @throws Error if a check has failed */
  end(): void {
    const { ok, warn, fail, skip } = this.#counts;
    printNote(this.#io, `${ok} ok, ${warn} to look at, ${fail} failed, ${skip} skipped`);
    if (fail > 0) throw new Error(fail === 1 ? "1 check failed" : `${fail} checks failed`);
  }
}
