import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../config/usage-error.js";
import type { Issued } from "./issue.js";

/** The absolute paths of a certificate and its key. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** `<folder>/<name>.crt` and `<folder>/<name>.key`. */
export function pairOf(folder: string, name: string): Pair {
  return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

/** What a pair's files hold, or undefined when either is missing. */
export async function readPair({ cert, key }: Pair): Promise<Issued | undefined> {
  try {
    const [certPem, keyPem] = await Promise.all([readFile(cert, "utf8"), readFile(key, "utf8")]);
    return { certPem, keyPem };
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined;
    throw cause;
  }
}

/**
 * Writes both files, readable by their owner only, in a folder that is created so too. Each appears whole or not at
 * all, the key first: a certificate that is there has its key.
 * @throws UsageError when a file exists and `replace` is false
 */
export async function writePair(folder: string, name: string, issued: Issued, replace: boolean): Promise<Pair> {
  const pair = pairOf(folder, name);
  if (!replace) refuseExisting(pair);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeWhole(pair.key, issued.keyPem, replace);
  await writeWhole(pair.cert, issued.certPem, replace);
  return pair;
}

/** Looks at both before either is written, so that half an old pair is never joined by half a new one. */
function refuseExisting(pair: Pair): void {
  const existing = [pair.cert, pair.key].find((path) => existsSync(path));
  if (existing !== undefined) throw new UsageError(`${existing} exists already`);
}

async function writeWhole(path: string, text: string, replace: boolean): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename, a link never replaces what is there, even if it has only just come.
    await (replace ? rename(draft, path) : link(draft, path));
  } catch (cause) {
    if (hasCode(cause, "EEXIST")) throw new UsageError(`${path} exists already`, undefined, { cause });
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
