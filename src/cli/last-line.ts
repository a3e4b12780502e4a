import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";

/** How much of a line is kept, in UTF-16 units. */
const maxChars = 4_096;

/** Follows what a program writes and knows the last line of it that says something. */
export class LastLine {
  readonly #decoder = new StringDecoder("utf8");
  #unfinished = "";
  #finished = "";

  add(chunk: Buffer): void {
    // A progress bar begins its line anew with a carriage return.
    const lines = (this.#unfinished + this.#decoder.write(chunk)).split(/[\r\n]/);
    this.#unfinished = (lines.pop() ?? "").slice(0, maxChars);
    this.#finished = lines.map(readable).findLast((line) => line !== "") ?? this.#finished;
  }

  /** Without control characters; empty if there has been none. */
  get text(): string {
    return readable(this.#unfinished) || this.#finished;
  }
}

function readable(line: string): string {
  return stripVTControlCharacters(line.slice(0, maxChars))
    .replace(/ *\p{Cc}+ */gu, " ")
    .trim();
}
