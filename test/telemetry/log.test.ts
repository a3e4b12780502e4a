import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LineSink } from "../../src/telemetry/line-sink.js";
import { createLog } from "../../src/telemetry/log.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a sink for log lines", () => {
  function openFile() {
    const path = join(folder, "log");
    return { path, fd: openSync(path, "a") };
  }

  test("writes what it got, whole and in order, at the latest at the end", () => {
    const { path, fd } = openFile();
    const sink = new LineSink(fd);
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i} é\n`);
    for (const line of lines) sink.write(line);
    sink.flushSync();
    expect(readFileSync(path, "utf8")).toBe(lines.join(""));
    closeSync(fd);
  });

  test("says nothing and keeps little when there is no room for what it got", () => {
    const fd = openSync("/dev/full", "w");
    const sink = new LineSink(fd);
    const line = `${"x".repeat(1_023)}\n`;
    for (let i = 0; i < 3_000; i += 1) sink.write(line);
    sink.flushSync();
    closeSync(fd);
  });
});

describe("the log of a process", () => {
  const script = join(import.meta.dirname, "../../dist/src/telemetry/log.js");

  /** A program that logs, waits for a moment's worth of writes, logs again and ends. */
  const program = `
    const { createLog } = await import(${JSON.stringify(script)});
    const log = createLog({ level: "info", format: "json", isTty: false, colour: false });
    for (let i = 0; i < 100; i += 1) log.info({ i, pad: "x".repeat(100) }, "early");
    setTimeout(() => { log.info({ i: 100 }, "late"); process.stdout.write("well"); }, 300);`;
  const args = ["--input-type=module", "-e", program];

  test("is complete, each line a JSON object with the time", () => {
    const { stderr, stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    const lines = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect([stdout, status]).toEqual(["well", 0]);
    expect(lines.map(({ i }) => i)).toEqual(Array.from({ length: 101 }, (_, i) => i));
    expect(lines[0].time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("that is read slowly is complete all the same: the end waits for room", async () => {
    // More than a pipe holds, all of it left for the very end.
    const burst = `
      const { createLog } = await import(${JSON.stringify(script)});
      process.stderr.on("error", () => {});
      const log = createLog({ level: "info", format: "json", isTty: false, colour: false });
      for (let i = 0; i < 20_000; i += 1) log.info({ i, pad: "x".repeat(100) }, "burst");
      process.stdout.write("well");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", burst], { stdio: ["ignore", "pipe", "pipe"] });
    // The reader starts when the program is at its end and its pipe full.
    const [, text] = await Promise.all([once(child.stdout, "data"), readText(child.stderr)]);
    const numbers = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).i);
    expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
  });

  test("that has no room any more lets it run and end", () => {
    const full = openSync("/dev/full", "w");
    const { stdout, status } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", full],
      timeout: 20_000,
    });
    closeSync(full);
    expect([stdout, status]).toEqual(["well", 0]);
  });

  test("that nobody reads any more lets it run and end", async () => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr.destroy();
    const [[status], [stdout]] = await Promise.all([once(child, "exit"), once(child.stdout, "data")]);
    expect([String(stdout), status]).toEqual(["well", 0]);
  });
});

describe("the level", () => {
  test("keeps what is below it out", () => {
    const log = createLog({ level: "warn", format: "json", isTty: false, colour: false });
    expect([log.isLevelEnabled("info"), log.isLevelEnabled("warn")]).toEqual([false, true]);
  });
});
