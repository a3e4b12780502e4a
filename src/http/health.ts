import { DispatchError } from "../dispatch/errors.js";

/** Is it up, and should it be sent requests? Answered without a certificate, so it tells nothing else. */
export interface Health {
  /** Why the server should get no requests now; `undefined` if it should. */
  notReadyBecause(): Promise<string | undefined>;
}

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: string;
  readonly contentType: "text/plain";
}

export function isHealthPath(path: string): boolean {
  return path === "/livez" || path === "/readyz";
}

/** @throws DispatchError `method_not_allowed` for anything but GET and HEAD */
export async function healthAnswer(health: Health, method: string | undefined, path: string): Promise<HealthAnswer> {
  if (method !== "GET" && method !== "HEAD") {
    throw new DispatchError("method_not_allowed", "only GET and HEAD are served here", { allow: ["GET", "HEAD"] });
  }
  const trouble = path === "/livez" ? undefined : await health.notReadyBecause();
  return { status: trouble === undefined ? 200 : 503, body: `${trouble ?? "ok"}\n`, contentType: "text/plain" };
}

/** Ready as long as the server is not draining and its store can be written. */
export class Readiness implements Health {
  readonly #checkStore: () => Promise<void>;
  #draining = false;

  constructor(checkStore: () => Promise<void>) {
    this.#checkStore = checkStore;
  }

  drain(): void {
    this.#draining = true;
  }

  async notReadyBecause(): Promise<string | undefined> {
    if (this.#draining) return "draining";
    try {
      await this.#checkStore();
      return undefined;
    } catch {
      // The cause names files, and this is answered to anybody.
      return "the store does not answer";
    }
  }
}
