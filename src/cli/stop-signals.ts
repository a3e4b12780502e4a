import type { Io } from "./io.js";

type SignalName = "SIGINT" | "SIGTERM";

/** For a command that finishes what it has begun when it is asked to stop, and leaves off when it is asked twice. */
export interface StopSignals {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal;
  /** Aborts at the second one. */
  readonly kill: AbortSignal;
  /** The first one. */
  readonly by: SignalName | undefined;
  /** Listens no more. */
  release(): void;
}

export function listenForStop({ signals }: Pick<Io, "signals">): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let by: SignalName | undefined;
  const receive = (name: SignalName) => {
    if (by !== undefined) kill.abort();
    by ??= name;
    stop.abort();
  };
  const listeners = (["SIGINT", "SIGTERM"] as const).map((name) => [name, () => receive(name)] as const);
  for (const [name, listener] of listeners) signals.on(name, listener);
  return {
    stop: stop.signal,
    kill: kill.signal,
    get by() {
      return by;
    },
    release() {
      for (const [name, listener] of listeners) signals.removeListener(name, listener);
    },
  };
}
