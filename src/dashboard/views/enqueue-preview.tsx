import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { EnqueueOutcome, type NewDispatch } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { errorText, queue } from "../api.js";
import { inCalls, type Plan, type PlannedDispatch } from "../fleet/enqueue-plan.js";
import { hrefOf, Link } from "../router.js";
import { AskDialog } from "../ui/ask-dialog.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { FactList } from "../ui/facts.js";
import { Trouble } from "../ui/notice.js";
import { PresenceBadge } from "../ui/state.js";

const outcomeTexts: Readonly<Record<PlannedDispatch["outcome"], string>> = {
  created: "created",
  replaced: "replaced",
  kept: "kept: its lease goes on",
};

const columns: readonly Column<PlannedDispatch>[] = [
  { name: "host", title: "Host", cell: ({ hostname }) => <span className="id">{hostname}</span> },
  { name: "rollout", title: "Rollout", cell: ({ rolloutId }) => <span className="id">{rolloutId}</span> },
  { name: "outcome", title: "Would be", cell: ({ outcome }) => outcomeTexts[outcome] },
  { name: "supersedes", title: "Supersedes", cell: ({ supersedes }) => supersedes.join(", ") || "–" },
  { name: "presence", title: "Host now", cell: ({ presence }) => <PresenceBadge presence={presence} /> },
];

interface EnqueuePreviewProps {
  readonly from: string;
  readonly dispatches: readonly NewDispatch[];
  readonly plan: Plan;
  readonly supersede: boolean;
  readonly onSupersede: (supersede: boolean) => void;
  readonly onBack: () => void;
}

/** What would be created, replaced or superseded, and which hosts are parked: before anything is. */
export function EnqueuePreview({ from, dispatches, plan, supersede, onSupersede, onBack }: EnqueuePreviewProps) {
  const [isAsking, setAsking] = useState(false);
  const { outcomes, items, superseded, parked } = plan;
  const count = items.length.toLocaleString("en");
  return (
    <>
      <section className="panel" aria-labelledby="preview-title">
        <h2 id="preview-title">
          {count} {items.length === 1 ? "dispatch" : "dispatches"} from {from}
        </h2>
        <FactList
          facts={[
            ["Would be created", outcomes.created.toLocaleString("en")],
            ["Would be replaced", outcomes.replaced.toLocaleString("en")],
            ["Would be kept", outcomes.kept.toLocaleString("en")],
            ["Older ones superseded", superseded.toLocaleString("en")],
            [
              "Hosts parked now",
              `${parked.toLocaleString("en")} of ${new Set(items.map(({ hostname }) => hostname)).size}`,
            ],
          ]}
        />
        <label className="check">
          <input type="checkbox" checked={supersede} onChange={(event) => onSupersede(event.target.checked)} />
          Supersede older ones of the same host and channel that still wait
        </label>
        <div className="dialog-buttons">
          <button type="button" onClick={onBack}>
            Back
          </button>
          <button type="button" className="primary" onClick={() => setAsking(true)}>
            Enqueue {count}…
          </button>
        </div>
      </section>
      <DataTable
        label="What would be enqueued"
        kind="preview"
        columns={columns}
        rows={items}
        rowKey={({ hostname, rolloutId }) => `${hostname} ${rolloutId}`}
      />
      {isAsking && (
        <EnqueueDialog
          dispatches={dispatches}
          plan={plan}
          supersede={supersede}
          onClose={(isDone) => (isDone ? onBack() : setAsking(false))}
        />
      )}
    </>
  );
}

interface EnqueueDialogProps extends Pick<EnqueuePreviewProps, "dispatches" | "plan" | "supersede"> {
  readonly onClose: (isDone: boolean) => void;
}

function EnqueueDialog({ dispatches, plan: { items, superseded }, supersede, onClose }: EnqueueDialogProps) {
  const enqueue = useMutation({ mutationFn: () => enqueueAll(dispatches, supersede) });
  const rollouts = [...new Set(items.map(({ rolloutId }) => rolloutId))];
  const outcome = enqueue.isError ? (
    <Trouble title="Not everything was enqueued">
      <p>{errorText(enqueue.error)}</p>
      <p>It is safe to repeat: what was enqueued already is replaced by the same.</p>
    </Trouble>
  ) : enqueue.data === undefined ? undefined : (
    <>
      <p>{enqueue.data}</p>
      <p>
        {rollouts.slice(0, 3).map((rolloutId) => (
          <Link key={rolloutId} className="id" href={hrefOf("rollouts", rolloutId)}>
            {rolloutId}{" "}
          </Link>
        ))}
      </p>
    </>
  );
  const under = rollouts.length === 1 ? `under ${rollouts[0]}` : `under ${rollouts.length} rollouts`;
  return (
    <AskDialog
      title="Enqueue?"
      verb="Enqueue"
      isBusy={enqueue.isPending}
      outcome={outcome}
      onDo={() => enqueue.mutate()}
      onClose={() => onClose(enqueue.isSuccess)}
    >
      <p>
        {items.length === 1 ? "1 dispatch is" : `${items.length.toLocaleString("en")} dispatches are`} put into the
        queue {under}
        {superseded === 0 ? "" : `, in place of ${superseded.toLocaleString("en")} older ones`}. Hosts that are parked
        get theirs at once.
      </p>
    </AskDialog>
  );
}

/** @returns what was done, in words */
async function enqueueAll(dispatches: readonly NewDispatch[], supersede: boolean): Promise<string> {
  const counts = { created: 0, replaced: 0, kept: 0, superseded: 0 };
  for (const part of inCalls(dispatches)) {
    const { results } = await queue.enqueueDispatches({ dispatches: part, supersede });
    for (const { outcome, superseded } of results) {
      counts[outcome === EnqueueOutcome.REPLACED ? "replaced" : outcome === EnqueueOutcome.KEPT ? "kept" : "created"] +=
        1;
      counts.superseded += superseded;
    }
  }
  const { created, replaced, kept, superseded } = counts;
  const older = superseded === 0 ? "" : `, ${superseded.toLocaleString("en")} older superseded`;
  const total = (created + replaced + kept).toLocaleString("en");
  return `${total} enqueued: ${created} created, ${replaced} replaced, ${kept} kept${older}.`;
}
