import { type Revocation, RevocationSource } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { invalid } from "../../dispatch/errors.js";
import type { Instant } from "../../dispatch/instant.js";
import { instantFromTimestamp } from "../../http/convert.js";
import { isSubject, subjectRule } from "../../identity/revocations.js";
import { oneLine } from "../../words/one-line.js";
import { rfc3339 } from "../../words/times.js";

/** Texts are safe to print: one line each, without control characters. */
export interface KnownRevocation {
  /** A machine id, or an operator's Common Name. */
  readonly hostname: string;
  /** `null`: later than instants go. */
  readonly revokedBefore: Instant | null;
  /** `file`: the server's file of revocations. */
  readonly source: "call" | "file" | "unknown";
  readonly reason: string | null;
  /** `null` for the file's; so is the next. */
  readonly revokedBy: string | null;
  readonly revokedAt: Instant | null;
}

export function knownRevocation(revocation: Revocation): KnownRevocation {
  const { hostname, reason, revokedBy } = revocation;
  return {
    hostname: oneLine(hostname),
    revokedBefore: instantOrNull(revocation.revokedBefore),
    source: sourceOf[revocation.source] ?? "unknown",
    reason: reason === "" ? null : oneLine(reason),
    revokedBy: revokedBy === "" ? null : oneLine(revokedBy),
    revokedAt: instantOrNull(revocation.revokedAt),
  };
}

/** What `--json` prints; see `dispatchJson` for what scripts can rely on. */
export function revocationJson({ hostname, revokedBefore, source, reason, revokedBy, revokedAt }: KnownRevocation) {
  return {
    hostname,
    revoked_before: revokedBefore === null ? null : rfc3339(revokedBefore),
    source,
    reason,
    revoked_by: revokedBy,
    revoked_at: revokedAt === null ? null : rfc3339(revokedAt),
  };
}

/** Whom a revocation is about. @throws DispatchError `invalid_argument` */
export function parseSubject(text: string): string {
  if (isSubject(text)) return text;
  throw invalid("HOST", subjectRule);
}

const sourceOf: Readonly<Partial<Record<RevocationSource, KnownRevocation["source"]>>> = {
  [RevocationSource.CALL]: "call",
  [RevocationSource.FILE]: "file",
};

function instantOrNull(timestamp: Revocation["revokedAt"]): Instant | null {
  const instant = timestamp === undefined ? "out of range" : instantFromTimestamp(timestamp);
  return instant === "out of range" ? null : instant;
}
