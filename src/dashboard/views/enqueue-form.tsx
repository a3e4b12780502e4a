import { type FormEvent, useId, useState } from "react";
import type { NewDispatch } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { defaultMaxAttempts } from "../../dispatch/enqueue.js";
import { DispatchError } from "../../dispatch/errors.js";
import { type FieldNames, newDispatch } from "../../words/new-dispatch.js";
import { usePlace } from "../router.js";

const names: FieldNames = {
  hostname: "Hosts",
  rolloutId: "Rollout",
  targetClosure: "Closure",
  soak: "Soak",
  soakDueAt: "Soak",
  notBefore: "Not before",
  notAfter: "Not after",
  maxAttempts: "Attempts",
};

/** One closure for one or several hosts, checked by the server's rules before anything is sent. */
export function EnqueueForm({ onPreview }: { readonly onPreview: (dispatches: readonly NewDispatch[]) => void }) {
  const { query } = usePlace();
  const [problem, setProblem] = useState<string>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    try {
      onPreview(dispatchesOf(new FormData(event.currentTarget)));
    } catch (thrown) {
      if (!(thrown instanceof DispatchError)) throw thrown;
      setProblem(thrown.message);
    }
  };
  return (
    <form onSubmit={submit} noValidate>
      <Field
        name="hostname"
        label={names.hostname}
        hint="Several are separated by spaces or commas."
        value={query.get("host")}
      />
      <Field
        name="rolloutId"
        label={names.rolloutId}
        hint="channel@ref, such as stable@a1b2c3d4."
        value={query.get("rollout")}
      />
      <Field name="targetClosure" label={names.targetClosure} hint="/nix/store/…" value={query.get("closure")} />
      <Field name="soak" label={names.soak} hint="How long it soaks, from now: 30s, 5m, 2h." value="5m" />
      <details>
        <summary>When, and how often</summary>
        <Field
          name="notBefore"
          label={names.notBefore}
          hint="Not handed out before: 2026-05-16T01:30:00Z, or +5m from now."
        />
        <Field name="notAfter" label={names.notAfter} hint="Expires if it still waits then." />
        <Field name="maxAttempts" label={names.maxAttempts} hint={`Default: ${defaultMaxAttempts}.`} />
      </details>
      <p className="problem" role="alert">
        {problem}
      </p>
      <div className="dialog-buttons">
        <button type="submit" className="primary">
          Preview
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  readonly name: keyof FieldNames;
  readonly label: string;
  readonly hint: string;
  readonly value?: string | null;
}

function Field({ name, label, hint, value }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        defaultValue={value ?? ""}
        aria-describedby={`${id}-hint`}
        autoComplete="off"
        spellCheck={false}
      />
      <p id={`${id}-hint`} className="soft">
        {hint}
      </p>
    </div>
  );
}

/** @throws DispatchError `invalid_argument` */
function dispatchesOf(form: FormData): NewDispatch[] {
  const text = (name: keyof FieldNames) => {
    const value = form.get(name);
    return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
  };
  const hostnames = (text("hostname") ?? "").split(/[\s,]+/);
  const now = new Date();
  const { rolloutId, targetClosure, soak, notBefore, notAfter, maxAttempts } = Object.fromEntries(
    (["rolloutId", "targetClosure", "soak", "notBefore", "notAfter", "maxAttempts"] as const).map((name) => [
      name,
      text(name),
    ]),
  );
  const same = { rolloutId, targetClosure, soak, notBefore, notAfter, maxAttempts };
  return hostnames.map((hostname) => newDispatch({ ...same, hostname }, names, now));
}
