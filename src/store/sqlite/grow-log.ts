import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, statfsSync, writeSync } from "node:fs";
import type Database from "better-sqlite3";

/**
 * In pages of 4 KB: how long the log grows before it is put into the file. What hosts share a page changes it again and again,
 * and it is put there once: 1,000, which is SQLite's own, cost 21 µs of an enqueued dispatch and 25 of a taken one, 8,000 cost
 * 13 and 18. To put them there takes 15 to 25 ms either way, most of it the sync.
 */
export const checkpointAfterPages = 8_000;

const pageBytes = 4_096;
const logHeaderBytes = 32;
const frameHeaderBytes = 24;

/** As long as the log is for good once it was full for the first time. */
const fullLogBytes = logHeaderBytes + checkpointAfterPages * (frameHeaderBytes + pageBytes);

const chunkBytes = 1024 * 1024;

/** A disk that is slow, in milliseconds: the log goes on from as far as it has come. An SSD needs 25 for all of it. */
const growForMs = 200;

/** Of the room on the file system, the log takes a sixteenth at most: it is not what fills a small one. */
const shareOfRoom = 16;

/**
 * Makes the log as long as it will be anyway, by zeros, which SQLite takes for the end of what is in it. A commit that makes a
 * file longer has the file system write its own books before the sync is over: one of 32 KB is on disk after 0.21 ms, and
 * after 0.12 where the file has the room. A wake, from the enqueue to the agent, was 0.74 ms and is 0.61.
 *
 * Does what it can and never fails: it is about nothing but speed. To be called by who has the file to himself, between two
 * statements.
 */
export function growLog(client: Database.Database): void {
  try {
    growFile(`${client.name}-wal`);
  } catch {
    // There is none yet, or no room: it grows as it is written.
  }
}

function growFile(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < shareOfRoom * fullLogBytes) return;
  const fd = openSync(path, "r+");
  try {
    const before = fstatSync(fd).size;
    try {
      appendZeros(fd, before);
    } catch (error) {
      ftruncateSync(fd, before);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

function appendZeros(fd: number, from: number): void {
  const zeros = Buffer.alloc(chunkBytes);
  const untilMs = performance.now() + growForMs;
  for (let at = from; at < fullLogBytes && performance.now() < untilMs; at += chunkBytes) {
    writeSync(fd, zeros, 0, Math.min(chunkBytes, fullLogBytes - at), at);
    fsyncSync(fd);
  }
}
