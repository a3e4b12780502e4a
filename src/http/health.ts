import { DispatchError } from "../dispatch/errors.js";
import type { Clock } from "../dispatch/ports.js";

/** Is it up, and should it be sent requests? Answered without a certificate, so it tells nothing else. */
export interface Health {
  /** Every check, by name, with what is wrong; `undefined` if nothing is. */
  checks(): Promise<readonly Check[]>;
  /** Calls back when the answer may have changed all at once; returns what ends that. */
  onDrain(callback: () => void): () => void;
}

export interface Check {
  readonly name: string;
  readonly trouble: string | undefined;
}

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: string;
  readonly contentType: "text/plain";
}

export function isHealthPath(path: string): boolean {
  return path === "/livez" || path === "/readyz";
}

/**
 * `?verbose` names each check of `/readyz`.
 *
 * @throws DispatchError `method_not_allowed` for anything but GET and HEAD
 */
export async function healthAnswer(
  health: Health,
  { method, path, query }: { readonly method: string | undefined; readonly path: string; readonly query: string },
): Promise<HealthAnswer> {
  assertReads(method);
  const checks = path === "/livez" ? [] : await health.checks();
  const trouble = checks.find((check) => check.trouble !== undefined)?.trouble;
  const isVerbose = new URLSearchParams(query).has("verbose");
  const body = isVerbose ? verbose(checks, trouble) : `${trouble ?? "ok"}\n`;
  return { status: trouble === undefined ? 200 : 503, body, contentType: "text/plain" };
}

/** @throws DispatchError `method_not_allowed` for anything but GET and HEAD */
export function assertReads(method: string | undefined): void {
  if (method === "GET" || method === "HEAD") return;
  throw new DispatchError("method_not_allowed", "only GET and HEAD are served here", { allow: ["GET", "HEAD"] });
}

function verbose(checks: readonly Check[], trouble: string | undefined): string {
  const lines = checks.map(({ name, trouble: its }) => (its === undefined ? `[+] ${name}: ok` : `[-] ${name}: ${its}`));
  return `${[...lines, trouble === undefined ? "ready" : "not ready"].join("\n")}\n`;
}

export interface ReadinessOptions {
  /** Resolves if the store could serve just now. */
  readonly checkStore: () => Promise<void>;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Anybody may ask, as often as they like, and a check of the store is a transaction. */
const storeCheckHoldsMs = 1_000;

/** Ready as long as the server is not draining and its store can be written. */
export class Readiness implements Health {
  readonly #options: ReadinessOptions;
  readonly #onDrain = new Set<() => void>();
  #draining = false;
  #checked: { readonly atMs: number; readonly trouble: Promise<string | undefined> } | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  drain(): void {
    this.#draining = true;
    for (const callback of this.#onDrain) callback();
  }

  onDrain(callback: () => void): () => void {
    this.#onDrain.add(callback);
    return () => void this.#onDrain.delete(callback);
  }

  async checks(): Promise<readonly Check[]> {
    return [
      { name: "drain", trouble: this.#draining ? "draining" : undefined },
      // A store that is about to close need not be asked.
      { name: "store", trouble: this.#draining ? undefined : await this.#storeTrouble() },
    ];
  }

  #storeTrouble(): Promise<string | undefined> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#checked === undefined || nowMs - this.#checked.atMs >= storeCheckHoldsMs) {
      // Other causes name files, and this is answered to anybody.
      const trouble = this.#options.checkStore().then(
        () => undefined,
        (error: unknown) => (error instanceof DispatchError ? error.message : "the store does not answer"),
      );
      this.#checked = { atMs: nowMs, trouble };
    }
    return this.#checked.trouble;
  }
}
