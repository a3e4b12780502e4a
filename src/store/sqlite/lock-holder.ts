import { readFileSync, statSync } from "node:fs";

/** The bytes at which SQLite locks a database, in every file of any size. */
const firstLockByte = 0x4000_0000;
const lastLockByte = firstLockByte + 511;

/**
 * The id of the process that has a database locked for writing, as a server has; `undefined` if nobody has, or where the
 * kernel does not tell (other systems than Linux, another namespace of processes).
 */
export function lockHolder(path: string): number | undefined {
  try {
    const { ino } = statSync(path, { bigint: true });
    return readFileSync("/proc/locks", "utf8")
      .split("\n")
      .map((line) => writeLockIn(line))
      .find((lock) => lock?.inode === ino)?.pid;
  } catch {
    return undefined;
  }
}

/** A line such as `3: POSIX  ADVISORY  WRITE 4242 fd:01:1835020 1073741824 1073742335`. */
function writeLockIn(line: string): { readonly pid: number; readonly inode: bigint } | undefined {
  const parts = /^\d+: (?:POSIX|OFDLCK) +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) /.exec(line);
  const [, pid, inode, first] = parts ?? [];
  if (pid === undefined || inode === undefined || pid === "0") return undefined;
  const isSqlites = Number(first) >= firstLockByte && Number(first) <= lastLockByte;
  return isSqlites ? { pid: Number(pid), inode: BigInt(inode) } : undefined;
}
