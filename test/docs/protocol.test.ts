import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dispatchToJson } from "../../src/agent/index.js";
import { httpStatus } from "../../src/http/errors.js";
import { limits } from "../../src/http/limits.js";
import { fencesIn, section, tableRows } from "./markdown.js";

const page = readFileSync("docs/protocol.md", "utf8");
const answers = section(page, "## The answers");

/** What a GET of this path can never get: it takes no body and is served, and nobody is left to read a 499. */
const notForAgents = [404, 413, 415, 499];

describe("docs/protocol.md", () => {
  test("lists every status that an agent can get, in order, and no other", () => {
    const listed = tableRows(answers, "Status").map(([status]) => Number(status));
    const errors = Object.values(httpStatus).filter((status) => !notForAgents.includes(status));
    expect(listed).toEqual([...new Set([200, 204, ...errors])].sort((a, b) => a - b));
  });

  test("shows the five fields of a dispatch", () => {
    const example = fencesIn(answers).find(({ language }) => language === "json");
    const fields = dispatchToJson({ hostname: "", rolloutId: "", targetClosure: "", soakDueAt: "", enqueuedAt: "" });
    expect(Object.keys(JSON.parse(example?.text ?? ""))).toEqual(Object.keys(fields));
  });

  test("names the time after which idle connections are closed", () => {
    expect(page).toContain(`closes an idle one after ${limits.keepAliveTimeoutMs / 1_000} s`);
  });
});
