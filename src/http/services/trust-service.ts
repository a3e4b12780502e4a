import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ListRevocationsRequest,
  type RestoreHostRequest,
  type RevocationSchema,
  RevocationSource,
  type RevokeHostRequest,
  TrustService,
} from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { DispatchError, invalid } from "../../dispatch/errors.js";
import { type Instant, instantFromMicros, instantFromMs, instantRule } from "../../dispatch/instant.js";
import { parseReason } from "../../dispatch/lease.js";
import type { Clock, Log } from "../../dispatch/ports.js";
import type { RevocationStore } from "../../dispatch/revocation.js";
import type { ListedRevocation, RevocationList } from "../../identity/revocation-list.js";
import { isSubject, subjectRule } from "../../identity/revocations.js";
import type { Call } from "../call.js";
import { rawInstant, timestampFromInstant } from "../convert.js";
import { type BoundService, bindService } from "../service.js";
import { audit } from "./audit.js";
import { subjectPages } from "./pages.js";
import { requireOperator } from "./roles.js";

export interface TrustServiceOptions {
  readonly revocations: RevocationList;
  /** `undefined` if the server runs without a database. */
  readonly store: RevocationStore | undefined;
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Log;
}

export function trustService(options: TrustServiceOptions): BoundService {
  return bindService(TrustService, {
    revokeHost: (request, call) => revokeHost(options, request, call),
    restoreHost: (request, call) => restoreHost(options, request, call),
    listRevocations: async (request, call) => listRevocations(options, request, call),
  });
}

async function revokeHost(
  { revocations, store, clock, log }: TrustServiceOptions,
  request: RevokeHostRequest,
  call: Call,
) {
  const revokedBy = requireOperator(call);
  const subject = parseSubject(request.hostname);
  const reason = parseReason(request.reason, "reason");
  const revokedAt = instantFromMs(clock.nowMs());
  const revokedBefore = parseRevokedBefore(request, revokedAt);
  const inForce = await revocations.revoke(required(store), { subject, revokedBefore, reason, revokedBy, revokedAt });
  audit(log, call, "revoke", { subject, revokedBefore: new Date(revokedBefore / 1_000).toISOString(), reason });
  return { revocation: toProto({ source: "call", ...inForce }) };
}

async function restoreHost({ revocations, store, log }: TrustServiceOptions, request: RestoreHostRequest, call: Call) {
  requireOperator(call);
  const subject = parseSubject(request.hostname);
  if (!(await revocations.restore(required(store), subject))) {
    throw new DispatchError("not_revoked", `no revocation of ${subject} was made by a call`);
  }
  audit(log, call, "restore", { subject });
  return {};
}

function listRevocations({ revocations }: TrustServiceOptions, request: ListRevocationsRequest, call: Call) {
  requireOperator(call);
  const page = subjectPages.parse(request, {});
  const { after } = page;
  const rest = revocations.list().filter(({ subject }) => after === undefined || subject > after.subject);
  // A subject may be there twice, by call and by file; a page ends with all that there is of its last one.
  const lastSubject = rest.slice(0, page.size).at(-1)?.subject;
  const items = rest.filter((each, i) => i < page.size || each.subject === lastSubject);
  const nextPageToken = items.length < rest.length ? subjectPages.next({ ...page, size: 1 }, items, {}) : "";
  return { revocations: items.map(toProto), nextPageToken };
}

function parseSubject(value: string): string {
  if (isSubject(value)) return value;
  throw invalid("hostname", value === "" ? "is required" : subjectRule);
}

function parseRevokedBefore({ revokedBefore }: RevokeHostRequest, now: Instant): Instant {
  const instant = rawInstant(revokedBefore);
  if (instant === "out of range") throw invalid("revoked_before", instantRule);
  return instant ?? now;
}

function required(store: RevocationStore | undefined): RevocationStore {
  if (store !== undefined) return store;
  throw new DispatchError("no_queue", "this server runs without a database (--db none)");
}

function toProto(revocation: ListedRevocation): MessageInitShape<typeof RevocationSchema> {
  if (revocation.source === "call") {
    const { subject: hostname, reason, revokedBy, revokedAt } = revocation;
    const revokedBefore = timestampFromInstant(revocation.revokedBefore);
    const source = RevocationSource.CALL;
    return { hostname, revokedBefore, reason, revokedBy, revokedAt: timestampFromInstant(revokedAt), source };
  }
  const revokedBefore = instantFromMicros(Math.floor(revocation.revokedBeforeMs * 1_000));
  return {
    hostname: revocation.subject,
    ...(revokedBefore === undefined ? {} : { revokedBefore: timestampFromInstant(revokedBefore) }),
    source: RevocationSource.FILE,
  };
}
