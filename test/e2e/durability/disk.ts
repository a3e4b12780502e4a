import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { TestServer } from "../support/server.js";

/** A disk that can be full. */
export interface Disk {
  /** Where the database goes. */
  readonly folder: string;
  /** Of the server. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether what fits into pages that are there already is written though it is full. */
  readonly takesWhatFits: boolean;
  fill(server: TestServer): void;
  makeRoom(server: TestServer): void;
  remove(): void;
}

/** A file system of 8 MiB of its own, in memory. A file of the test's fills what is left of it. */
export function smallDisk(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", folder]);
  const ballast = join(folder, "ballast");
  return {
    folder,
    env: {},
    takesWhatFits: false,
    fill: () => fillWith(ballast),
    makeRoom: () => rmSync(ballast),
    remove() {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Writes until nothing goes in any more, to the last byte. */
function fillWith(path: string): void {
  const chunk = Buffer.alloc(4_096);
  for (;;) {
    try {
      writeFileSync(path, chunk, { flag: "a" });
    } catch {
      return;
    }
  }
}

/** Why there can be none here; `undefined` if there can. */
export function whyNoSmallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-disk-"));
  const { error, status, stderr } = spawnSync("mount", ["-t", "tmpfs", "tmpfs", folder], { encoding: "utf8" });
  if (status === 0) execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return error !== undefined ? `mount cannot be run: ${error.message}` : status === 0 ? undefined : stderr.trim();
}

/** Any disk, on which SQLite may use no more pages than it has. */
export function pageLimit(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-disk-"));
  const preload = pathToFileURL("test/e2e/durability/page-limit.mjs").href;
  return {
    folder,
    env: { NODE_OPTIONS: `--import ${preload}` },
    takesWhatFits: true,
    fill: (server) => server.kill("SIGUSR2"),
    makeRoom: (server) => server.kill("SIGWINCH"),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
