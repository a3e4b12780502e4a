import { createContext, type ReactNode, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type Instant, instantFromMs } from "../dispatch/instant.js";
import type { Telling } from "../words/explanation.js";
import { localTime } from "../words/times.js";
import { queue } from "./api.js";
import { type Condition, Feed, type ServerFacts } from "./fleet/feed.js";
import { Fleet } from "./fleet/fleet.js";
import { useSetting } from "./settings.js";

/** Views are drawn anew at most this often, however fast events come. */
const drawMs = 200;

/** A fleet that a feed keeps up to date, for views to look at. */
class LiveFleet {
  readonly fleet = new Fleet();
  condition: Condition = { kind: "loading", dispatches: 0, hosts: 0 };
  server: ServerFacts | undefined;
  aheadMs = 0;
  /** Grows whenever something to be seen has changed. */
  version = 0;
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @returns what ends it */
  start(windowHours: number): () => void {
    const stop = new AbortController();
    const feed = new Feed({
      client: queue,
      fleet: this.fleet,
      windowHours,
      signal: stop.signal,
      now: Date.now,
      sleep,
      onChange: () => this.#changed(drawMs),
      onCondition: (condition) => {
        this.condition = condition;
        this.#changed(condition.kind === "loading" ? drawMs : 0);
      },
      onServer: (server) => {
        this.server = server;
        this.#changed(drawMs);
      },
      onClock: (aheadMs) => {
        this.aheadMs = aheadMs;
      },
    });
    void feed.run();
    return () => {
      stop.abort();
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #changed(withinMs: number): void {
    if (withinMs === 0) {
      clearTimeout(this.#timer);
      this.#draw();
    } else this.#timer ??= setTimeout(() => this.#draw(), withinMs);
  }

  #draw(): void {
    this.#timer = undefined;
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

const context = createContext<LiveFleet | undefined>(undefined);

/** Feeds one fleet for everything below. */
export function LiveFleetProvider({ children }: { readonly children: ReactNode }) {
  const [windowHours] = useSetting("window");
  const [live] = useState(() => new LiveFleet());
  useEffect(() => live.start(Number(windowHours)), [live, windowHours]);
  return <context.Provider value={live}>{children}</context.Provider>;
}

function useLive(): LiveFleet {
  const live = useContext(context);
  if (live === undefined) throw new Error("there is no LiveFleetProvider around this");
  return live;
}

/** The fleet as it is now; whoever uses it is drawn anew when it changes. `version` is for what depends on it. */
export function useFleet() {
  const live = useLive();
  const version = useSyncExternalStore(live.subscribe, () => live.version);
  return { fleet: live.fleet, condition: live.condition, server: live.server, version };
}

const tickers = new Set<() => void>();
let tick = 0;
setInterval(() => {
  tick += 1;
  for (const ticker of tickers) ticker();
}, 1_000);

function subscribeTick(ticker: () => void): () => void {
  tickers.add(ticker);
  return () => tickers.delete(ticker);
}

/** What time it is at the server; once a second. */
export function useNow(): Instant {
  const live = useLive();
  useSyncExternalStore(subscribeTick, () => tick);
  return instantFromMs(Date.now() + live.aheadMs);
}

/**
 * What `derive` makes of the fleet: made anew when the fleet has changed, when `argument` has, or when so much time has passed,
 * and not whenever something is drawn.
 *
 * @param derive always the same function
 */
export function useDerived<T>(
  derive: (fleet: Fleet, now: Instant, argument: string) => T,
  everyMs: number,
  argument = "",
): T {
  const { fleet, version } = useFleet();
  const now = useNow();
  const key = `${version} ${Math.floor(now / 1_000 / everyMs)} ${argument}`;
  const memo = useRef<{ readonly key: string; readonly value: T }>(undefined);
  if (memo.current?.key !== key) memo.current = { key, value: derive(fleet, now, argument) };
  return memo.current.value;
}

/** For the words that `explain` has too. */
export function useTelling(): Telling {
  return { now: useNow(), time: localTime };
}
