import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { StoreOpenError } from "../../src/store/sqlite/open-error.js";
import { tableRows } from "./markdown.js";
import { codeSpans, sources } from "./sources.js";

const page = readFileSync("docs/operating.md", "utf8");
const code = sources.map(({ text }) => text).join("\n");

/** Severity and text of every line that the code can write to the log. */
function loggedIn(text: string): string[] {
  const calls = text.matchAll(/(?:[lL]og|[sS]ink)\.(error|warn|info|debug)\((?:.*, )?"([^"]+)"\)/g);
  return [...calls].map(([, level, message]) => `${level} ${message}`);
}

const troubles = {
  held: "",
  damaged: "",
  read_only: "",
  out_of_reach: "",
  newer: "",
  foreign: "",
} satisfies Record<StoreOpenError["trouble"], "">;

function isTrouble(name: string): name is StoreOpenError["trouble"] {
  return Object.hasOwn(troubles, name);
}

const startMessages = tableRows(page, "Message").flatMap(([message = ""]) => codeSpans(message));

describe("docs/operating.md, the log", () => {
  test("lists every line that is not a request's, with its level", () => {
    const listed = tableRows(page, "Level").map(([level, message = ""]) => `${level} ${codeSpans(message)[0]}`);
    const written = new Set(sources.flatMap(({ text }) => loggedIn(text)));
    for (const level of ["info", "debug"]) written.delete(`${level} request`);
    expect(listed.toSorted()).toEqual([...written].sort());
  });

  test("no line is logged in a way that the test above overlooks", () => {
    const calls = code.match(/(?:\blog|#log|#sink|\.log)\.(?:error|warn|info|debug)\(/g) ?? [];
    expect(loggedIn(code).length).toBe(calls.length);
  });

  test("lists every field of a request's line", () => {
    const listed = tableRows(page, "Field").flatMap(([field = ""]) => codeSpans(field));
    const log = readFileSync("src/http/request-log.ts", "utf8");
    const [, literal = ""] = /const fields = \{(.*?)\n {4}\};/s.exec(log) ?? [];
    const own = [...literal.matchAll(/^\s+(\w+)[:,]/gm)].map(([, name]) => name);
    const notes = [...code.matchAll(/call\.note\(\{ (.*?) \}\)/g)].flatMap(([, fields = ""]) =>
      [...fields.matchAll(/(\w+):/g)].map(([, name]) => name),
    );
    expect(listed.toSorted()).toEqual([...own, ...notes, "machineId", "operator", "traceId"].sort());
  });
});

describe("docs/operating.md, troubles at the start", () => {
  test.each(startMessages)("%s is what the code says", (message) => {
    const pieces = message.split(/FILE|URL|ADDRESS|SETTING|…/).map((piece) => piece.trim());
    expect(pieces.filter((piece) => piece !== "" && !code.includes(piece))).toEqual([]);
  });

  test.each(Object.keys(troubles).filter(isTrouble))("a database that is %s has its row", (trouble) => {
    const { message } = new StoreOpenError(trouble, "FILE", "detail");
    expect(startMessages.filter((known) => message.startsWith(known))).toHaveLength(1);
  });
});
