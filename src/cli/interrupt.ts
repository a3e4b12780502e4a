import type { Io } from "./io.js";

/** Why a command was asked to stop. The exit code is 130. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * Runs `work` with a signal that aborts, with an {@link Interrupted} as its reason, on the first SIGINT or SIGTERM.
 * A second one ends the process at once, since nobody listens for it any more.
 */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const stop = (name: string): void => {
    release();
    controller.abort(new Interrupted(`stopped by ${name}`));
  };
  const release = (): void => {
    for (const name of names) io.signals.removeListener(name, stop);
  };
  for (const name of names) io.signals.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    release();
  }
}
