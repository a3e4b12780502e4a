import { DispatchError, invalid } from "../dispatch/errors.js";

const header = "x-nixfleet-protocol";
const spoken = "1";

/**
 * The header names the caller's version of the protocol, `<major>` or `<major>.<minor>` or with a patch level behind.
 * Absent is fine.
 *
 * @throws DispatchError `invalid_argument` if it is malformed, `unsupported_protocol` for another major version
 */
export function assertProtocolVersion(headers: Readonly<Record<string, string | string[] | undefined>>): void {
  const value = headers[header];
  if (value === undefined) return;
  const major = typeof value === "string" ? /^(\d{1,9})(?:\.\d{1,9}){0,2}$/.exec(value)?.[1] : undefined;
  if (major === undefined) throw invalid("X-Nixfleet-Protocol", "must be a version such as 1 or 1.2");
  if (Number(major) === Number(spoken)) return;
  throw new DispatchError(
    "unsupported_protocol",
    `X-Nixfleet-Protocol: this server speaks major version ${spoken} only`,
  );
}
