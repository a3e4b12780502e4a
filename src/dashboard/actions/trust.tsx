import { useMutation } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { TrustService } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { instantFromTimestamp } from "../../http/convert.js";
import { hostLines } from "../../words/evidence.js";
import type { KnownHost } from "../../words/record.js";
import { localTime } from "../../words/times.js";
import { errorText } from "../api.js";
import { pendingOf } from "../fleet/summaries.js";
import { useFleet, useTelling } from "../live-fleet.js";
import { AskDialog } from "../ui/ask-dialog.js";
import { Trouble } from "../ui/notice.js";

export function RevokeButton({ host }: { readonly host: KnownHost }) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <button type="button" className="danger-quiet" onClick={() => setAsking(true)}>
        Revoke…
      </button>
      {isAsking && <RevokeDialog host={host} onClose={() => setAsking(false)} />}
    </>
  );
}

function RevokeDialog({ host, onClose }: { readonly host: KnownHost; readonly onClose: () => void }) {
  const { fleet } = useFleet();
  const telling = useTelling();
  const { hostname } = host;
  const queries = useQueryClient();
  const revoke = useMutation(TrustService.method.revokeHost, { onSuccess: () => queries.invalidateQueries() });
  const pending = pendingOf(fleet, hostname);
  const before = revoke.data?.revocation?.revokedBefore;
  const instant = before === undefined ? "out of range" : instantFromTimestamp(before);
  const outcome = revoke.isError ? (
    <Trouble title={`${hostname} was not revoked`}>
      <p>{errorText(revoke.error)}</p>
    </Trouble>
  ) : revoke.isSuccess ? (
    <p>
      {hostname} is revoked: its certificates from before{" "}
      {instant === "out of range" ? "now" : localTime.plain(instant)} are refused.
    </p>
  ) : undefined;
  return (
    <AskDialog
      title={`Revoke ${hostname}?`}
      verb="Revoke it"
      isDangerous
      isBusy={revoke.isPending}
      outcome={outcome}
      onDo={(reason) => revoke.mutate({ hostname, reason })}
      onClose={onClose}
      reasonLabel="Why, for the list of revocations (may stay empty)"
    >
      <p>
        Certificates of {hostname} that were issued until now are refused from now on: its polls end, its connections
        are cut, and nothing more is handed to it. One that is issued later is accepted.
      </p>
      <ul className="soft">
        {hostLines(host, telling).map((line) => (
          <li key={line}>{line}</li>
        ))}
        {pending > 0 && <li>{pending} of its dispatches wait, and will go on waiting</li>}
      </ul>
    </AskDialog>
  );
}

/** Stays until its question is closed, also when there is nothing left to restore: it reports what was done. */
export function RestoreButton({ hostname, isOffered }: { readonly hostname: string; readonly isOffered: boolean }) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      {isOffered && (
        <button type="button" onClick={() => setAsking(true)}>
          Restore…
        </button>
      )}
      {isAsking && <RestoreDialog hostname={hostname} onClose={() => setAsking(false)} />}
    </>
  );
}

function RestoreDialog({ hostname, onClose }: { readonly hostname: string; readonly onClose: () => void }) {
  const queries = useQueryClient();
  const restore = useMutation(TrustService.method.restoreHost, { onSuccess: () => queries.invalidateQueries() });
  const outcome = restore.isError ? (
    <Trouble title={`${hostname} was not restored`}>
      <p>{errorText(restore.error)}</p>
    </Trouble>
  ) : restore.isSuccess ? (
    <p>{hostname} is restored: its certificates are accepted again.</p>
  ) : undefined;
  return (
    <AskDialog
      title={`Restore ${hostname}?`}
      verb="Restore it"
      isBusy={restore.isPending}
      outcome={outcome}
      onDo={() => restore.mutate({ hostname })}
      onClose={onClose}
    >
      <p>
        The revocation of {hostname} is taken back: all certificates in its name that are valid otherwise are accepted
        again, also those that it was revoked for. One in the server’s revocation file stays in force.
      </p>
    </AskDialog>
  );
}
