import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import {
  type CancelDispatchesResponse,
  CancelOutcome,
  QueueService,
} from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { errorText } from "../api.js";
import { AskDialog } from "../ui/ask-dialog.js";
import { Trouble } from "../ui/notice.js";

interface CancelButtonProps {
  /** Absent: of every host. */
  readonly hostname?: string;
  readonly rolloutId: string;
  readonly what: string;
  /** Whether there is something to cancel. */
  readonly isOffered: boolean;
}

/**
 * Takes back what waits or is leased: of a host under a rollout, or a whole rollout. Stays until its question is closed, also
 * when there is nothing left to cancel: it reports what was done.
 */
export function CancelButton(props: CancelButtonProps) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      {props.isOffered && (
        <button type="button" className="danger-quiet" onClick={() => setAsking(true)}>
          Cancel {props.what}…
        </button>
      )}
      {isAsking && <CancelDialog {...props} onClose={() => setAsking(false)} />}
    </>
  );
}

function CancelDialog({ hostname = "", rolloutId, onClose }: CancelButtonProps & { readonly onClose: () => void }) {
  const pair = { hostname, rolloutId };
  // What it will do is the server's to say, now.
  const preview = useQuery(
    QueueService.method.cancelDispatches,
    { ...pair, dryRun: true },
    { staleTime: 0, gcTime: 0 },
  );
  const cancel = useMutation(QueueService.method.cancelDispatches);
  const whose = hostname === "" ? `of the rollout ${rolloutId}` : `of ${hostname} under ${rolloutId}`;
  const outcome = cancel.isError ? (
    <Trouble title="Nothing was cancelled">
      <p>{errorText(cancel.error)}</p>
    </Trouble>
  ) : cancel.data === undefined ? undefined : (
    <p>{told(cancel.data, whose, cancel.data.results.length === 1 ? "was cancelled" : "were cancelled")}</p>
  );
  return (
    <AskDialog
      title={hostname === "" ? "Cancel the rollout?" : "Cancel the dispatch?"}
      verb="Cancel it"
      isDangerous
      isBusy={cancel.isPending || preview.isPending}
      outcome={outcome}
      onDo={(reason) => cancel.mutate({ ...pair, reason })}
      onClose={onClose}
      reasonLabel="Why, for the history (may stay empty)"
    >
      {preview.isError ? (
        <Trouble title="What would be cancelled could not be read">
          <p>{errorText(preview.error)}</p>
        </Trouble>
      ) : (
        <p>
          {preview.data === undefined ? "Looking what is open…" : told(preview.data, whose, "will be cancelled")} What
          is cancelled is not handed out (any more), unless it is enqueued again.
        </p>
      )}
    </AskDialog>
  );
}

/** `498 dispatches of the rollout stable@aa will be cancelled; 2 were handed out for good, and stay as they are.` */
function told({ results }: CancelDispatchesResponse, whose: string, done: string): string {
  const count = results.filter(({ outcome }) => outcome === CancelOutcome.CANCELLED).length;
  const late = results.length - count;
  const dispatches = count === 1 ? "1 dispatch" : `${count.toLocaleString("en")} dispatches`;
  const rest =
    late === 0
      ? ""
      : `; ${late.toLocaleString("en")} handed out for good ${late === 1 ? "stays as it is" : "stay as they are"}`;
  return `${dispatches} ${whose} ${done}${rest}.`;
}
