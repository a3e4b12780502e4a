import type { Inspection } from "../../app/database.js";
import { dispatchStates } from "../../dispatch/dispatch.js";
import { formatBytes } from "../../words/bytes.js";

/** What `--json` prints of a database; a `null` is what is not known. */
export function inspectionJson(path: string, { bytes, logBytes, heldBy, migrations, counts }: Inspection) {
  return {
    path,
    bytes,
    log_bytes: logBytes,
    held_by: heldBy ?? null,
    migrations_applied: migrations.applied,
    migrations_pending: migrations.pending,
    states: counts?.states ?? null,
    hosts: counts?.hosts ?? null,
    events: counts?.events ?? null,
    revocations: counts?.revocations ?? null,
  };
}

/** The same for people: a line for each fact. */
export function inspectionLines({ bytes, logBytes, heldBy, migrations, counts }: Inspection): string[] {
  const log = logBytes === 0 ? "" : `, and a log of ${formatBytes(logBytes)} beside it`;
  const { applied, pending } = migrations;
  const facts: [name: string, value: string][] = [
    ["size", `${formatBytes(bytes)}${log}`],
    ["open in", heldBy === undefined ? "no process that is known" : `process ${heldBy}`],
    ["integrity", "ok"],
    ["migrations", `${applied.length} applied${pending.length === 0 ? "" : `, pending: ${pending.join(", ")}`}`],
  ];
  if (counts !== undefined) {
    const { states, hosts, events, revocations } = counts;
    const present = dispatchStates.filter((state) => states[state] > 0).map((state) => `${states[state]} ${state}`);
    facts.push(["dispatches", present.length === 0 ? "none" : present.join(", ")]);
    facts.push(["hosts", String(hosts)], ["events", String(events)], ["revocations", String(revocations)]);
  }
  return facts.map(([name, value]) => `  ${name.padEnd(12)}  ${value}`);
}
