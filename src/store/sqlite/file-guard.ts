import { statSync } from "node:fs";

/**
 * Remembers the file that is open. What it returns throws once the path leads elsewhere: SQLite goes on writing to a file
 * that was removed or moved away, and what it writes there is gone with the process.
 */
export function guardFile(path: string): () => void {
  const opened = statSync(path);
  return () => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.dev === opened.dev && found.ino === opened.ino) return;
    throw new Error(`${path} was removed or replaced while this server had it open`);
  };
}
