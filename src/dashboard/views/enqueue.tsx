import { useState } from "react";
import type { NewDispatch } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type BadLine, planEnqueue, readLines } from "../fleet/enqueue-plan.js";
import { useFleet, useNow } from "../live-fleet.js";
import { Skeleton, Trouble } from "../ui/notice.js";
import { EnqueueForm } from "./enqueue-form.js";
import { EnqueuePreview } from "./enqueue-preview.js";
import { FileDrop } from "./file-drop.js";
import { Heading } from "./heading.js";

/** What is about to be enqueued, and where it comes from. */
interface Intended {
  readonly from: string;
  readonly dispatches: readonly NewDispatch[];
  readonly bad: readonly BadLine[];
}

/** Enqueue by form, or by a file of JSON lines; nothing is sent before its preview has been seen. */
export function EnqueueView() {
  const [intended, setIntended] = useState<Intended>();
  const [supersede, setSupersede] = useState(false);
  const { fleet, condition } = useFleet();
  const now = useNow();
  const take = (text: string, name: string) => setIntended({ from: name, ...readLines(text, new Date()) });
  return (
    <>
      <Heading title="Enqueue" />
      {intended === undefined ? (
        <div className="two enqueue">
          <section className="panel" aria-labelledby="form-title">
            <h2 id="form-title">By form</h2>
            <EnqueueForm onPreview={(dispatches) => setIntended({ from: "the form", dispatches, bad: [] })} />
          </section>
          <section className="panel" aria-labelledby="file-title">
            <h2 id="file-title">By file</h2>
            <FileDrop onText={take} />
          </section>
        </div>
      ) : intended.bad.length > 0 || intended.dispatches.length === 0 ? (
        <BadLines {...intended} onBack={() => setIntended(undefined)} />
      ) : condition.kind === "loading" ? (
        <Skeleton label="Reading what is in the queue" />
      ) : (
        <EnqueuePreview
          from={intended.from}
          dispatches={intended.dispatches}
          plan={planEnqueue(fleet, intended.dispatches, supersede, now)}
          supersede={supersede}
          onSupersede={setSupersede}
          onBack={() => setIntended(undefined)}
        />
      )}
    </>
  );
}

const mostShown = 20;

function BadLines({ from, dispatches, bad, onBack }: Intended & { readonly onBack: () => void }) {
  const good = dispatches.length.toLocaleString("en");
  const title =
    bad.length === 0 ? `${from} holds no dispatches` : `${from} cannot be enqueued: ${linesText(bad.length)}`;
  return (
    <section className="panel" aria-label="What is wrong with the file">
      <Trouble title={title}>
        <p>
          Nothing was enqueued
          {bad.length === 0 ? "." : `. ${good} other ${dispatches.length === 1 ? "line is" : "lines are"} good.`}
        </p>
      </Trouble>
      <ul className="lines bad-lines">
        {bad.slice(0, mostShown).map(({ number, problem }) => (
          <li key={number}>
            <strong>line {number}</strong>
            <span>{problem}</span>
          </li>
        ))}
      </ul>
      {bad.length > mostShown && <p className="soft">… and {(bad.length - mostShown).toLocaleString("en")} more.</p>}
      <div className="dialog-buttons">
        <button type="button" className="primary" onClick={onBack}>
          Back
        </button>
      </div>
    </section>
  );
}

function linesText(count: number): string {
  return count === 1 ? "1 line is bad" : `${count.toLocaleString("en")} lines are bad`;
}
