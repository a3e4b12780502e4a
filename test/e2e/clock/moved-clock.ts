import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** A wall clock of a server's own, which can be set while it runs. The machine's is left alone. */
export interface MovedClock {
  /** Of the server. */
  readonly env: Readonly<Record<string, string>>;
  setAhead(seconds: number): void;
}

/** In JavaScript: whatever asks `Date`. */
export function preloadedClock(folder: string, monotonic: "stays" | "moves" = "stays"): MovedClock {
  const file = join(folder, `clock-${monotonic}`);
  const setAhead = (seconds: number) => writeFileSync(file, String(seconds));
  setAhead(0);
  const preload = pathToFileURL("test/e2e/clock/wall-clock.mjs").href;
  return { env: { NODE_OPTIONS: `--import ${preload}`, WALL_CLOCK: file, MONOTONIC: monotonic }, setAhead };
}

/** Below it: whatever asks the C library, OpenSSL included. The kernel's monotonic clock stays. */
export function libfaketimeClock(folder: string): MovedClock {
  const file = join(folder, "clock-libfaketime");
  const setAhead = (seconds: number) => writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  setAhead(0);
  const monotonic = { FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1" };
  const clock = { FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: "1" };
  return { env: { LD_PRELOAD: libfaketime ?? "", ...clock, ...monotonic }, setAhead };
}

/** Where Debian, Fedora and NixOS put it; `undefined` if it is not there. */
export const libfaketime = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/run/current-system/sw/lib",
]
  .map((folder) => join(folder, "faketime"))
  .flatMap((folder) => filesIn(folder).map((file) => join(folder, file)))
  .find((path) => /libfaketimeMT\.so/.test(path));

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
