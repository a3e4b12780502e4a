/** Every check, in the order in which they are made. Scripts rely on the names. */
export const checkNames = [
  "configuration",
  "server-settings",
  "client-certificate",
  "trusted-ca",
  "connection",
  "server-certificate",
  "access",
  "clock",
  "version",
  "readiness",
  "database",
  "idle-connection",
  "test-poll",
] as const;

export type CheckName = (typeof checkNames)[number];

/** What a check has found. `skip`: it could not be made, or there is nothing to check; that is no failure. */
export interface Finding {
  readonly status: "ok" | "warn" | "fail" | "skip";
  /** One line: what is. */
  readonly detail: string;
  /** What to do about it; `undefined` if there is nothing to do. */
  readonly advice: string | undefined;
}

export function ok(detail: string): Finding {
  return { status: "ok", detail, advice: undefined };
}

export function warn(detail: string, advice: string): Finding {
  return { status: "warn", detail, advice };
}

export function fail(detail: string, advice?: string): Finding {
  return { status: "fail", detail, advice };
}

export function skip(detail: string, advice?: string): Finding {
  return { status: "skip", detail, advice };
}
