import { Command } from "commander";
import type { Telling } from "../words/explanation.js";
import { whenFrom } from "../words/times.js";
import { addManual } from "./help.js";
import { tellingFor } from "./history/telling.js";
import type { Io } from "./io.js";
import { type KnownRevocation, revocationJson } from "./operator/revocation.js";
import { listRevocations, withTrust } from "./operator/trust-calls.js";
import { printNote, writeJsonLines, writeLines } from "./operator/write-lines.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";
import { formatTable } from "./table.js";

/** `revocations`: who is revoked. */
export function revocationsCommand(io: Io): Command {
  const command = new Command("revocations")
    .summary("list who is revoked")
    .description(
      "List the hosts and operators whose certificates from before an instant are refused, in the order of their names.\n" +
        "One may be there twice: by a call, and by the server's file of revocations.",
    )
    .option("--utc", "Show times in UTC, not by the clock of this machine.")
    .option(
      "--json",
      "Print one JSON object on each line: hostname, revoked_before, source (call or file), reason, revoked_by and\n" +
        "revoked_at. Instants are RFC 3339; what is not set is null.",
    );
  addClientOptions(command);
  command.action(() => runRevocations(command, io));
  return addManual(command, {
    examples: [
      { purpose: "Who is revoked", line: "nixfleet-dispatch revocations" },
      {
        purpose: "Their names, for a script",
        line: "nixfleet-dispatch revocations --json | jq -r .hostname | sort -u",
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

async function runRevocations(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  await withTrust(command, io, async (calls) => {
    const revocations = await listRevocations(calls);
    if (options.isOn("json")) return writeJsonLines(io, revocations.map(revocationJson), calls.signal);
    if (revocations.length === 0) return printNote(io, "nobody is revoked");
    const telling = tellingFor(calls.clock, options.isOn("utc"), io);
    return writeLines(io, [table(revocations, telling)], calls.signal);
  });
}

function table(revocations: readonly KnownRevocation[], { now, time }: Telling): string {
  const when = whenFrom(now, time);
  const rows = revocations.map(({ hostname, revokedBefore, source, revokedBy, revokedAt, reason }) => [
    hostname,
    revokedBefore === null ? "any time" : time.plain(revokedBefore),
    source,
    revokedBy ?? "-",
    revokedAt === null ? "-" : when(revokedAt),
    reason ?? "",
  ]);
  return formatTable(["HOST", "ISSUED BEFORE", "SOURCE", "BY", "AT", "REASON"], rows);
}
