import type { Io } from "./io.js";

export interface ProgressBar {
  /** @param fraction from 0 to 1; `undefined` if nobody knows how much there will be */
  draw(fraction: number | undefined, label: string): void;
  /** Leaves nothing behind. */
  clear(): void;
}

const barCells = 30;
const toLineStart = "\r\u001b[K";

/** A line on stderr that is drawn over again; nothing at all where stderr is no terminal. */
export function progressBar({ stderr, env }: Pick<Io, "stderr" | "env">): ProgressBar {
  if (stderr.isTTY !== true || env.TERM === "dumb") return { draw: () => {}, clear: () => {} };
  return {
    draw(fraction, label) {
      const bar =
        fraction === undefined ? "" : `${barOf(fraction)} ${String(Math.floor(fraction * 100)).padStart(3)} %  `;
      // A line that wraps could not be drawn over.
      stderr.write(toLineStart + `${bar}${label}`.slice(0, (stderr.columns || 80) - 1));
    },
    clear: () => stderr.write(toLineStart),
  };
}

function barOf(fraction: number): string {
  const full = Math.round(Math.min(Math.max(fraction, 0), 1) * barCells);
  return "█".repeat(full) + "░".repeat(barCells - full);
}
