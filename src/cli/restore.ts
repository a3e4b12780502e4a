import { Code, ConnectError } from "@connectrpc/connect";
import { Command } from "commander";
import { addManual } from "./help.js";
import type { Io } from "./io.js";
import { parseSubject } from "./operator/revocation.js";
import { listRevocations, type TrustCalls, withTrust } from "./operator/trust-calls.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";
import { messageOf, printJson, printLine, printWarning } from "./output.js";

/** `restore`: takes a revocation back. */
export function restoreCommand(io: Io): Command {
  const command = new Command("restore")
    .summary("take a revocation back")
    .description(
      "Take the revocation of a host, or of an operator, back: its old certificates count again.\n" +
        "One in the server's file of revocations stays in force, and has to be taken out there.",
    )
    .argument("<HOST>", "The host (its machine id), or the operator's Common Name, that was revoked.")
    .option(
      "--json",
      "Print one JSON object: hostname, and revoked_by_file, which is true if it is refused all the same.",
    );
  addClientOptions(command);
  command.action((host: string) => runRestore(host, command, io));
  return addManual(command, {
    examples: [{ purpose: "The machine was found again", line: "nixfleet-dispatch restore web-01" }],
    exits: ["ok", "failure", "usage", "not_found", "denied", "unavailable", "interrupted"],
  });
}

async function runRestore(host: string, command: Command, io: Io): Promise<void> {
  const hostname = parseSubject(host);
  await withTrust(command, io, async (calls) => {
    await restore(calls, hostname);
    const isInFile = await isRevokedByFile(calls, hostname);
    if (writtenOptions(command).isOn("json")) printJson(io, { hostname, revoked_by_file: isInFile });
    else printLine(io, `restored  ${hostname}`);
    if (isInFile) printWarning(io, `${hostname} is still refused: the server's file of revocations has it too`);
  });
}

/** @throws Error, for which the exit code is 3 if there is nothing to take back */
async function restore(calls: TrustCalls, hostname: string): Promise<void> {
  try {
    await calls.trust.restoreHost({ hostname }, { signal: calls.signal });
  } catch (cause) {
    const isThere = !(cause instanceof ConnectError && cause.code === Code.NotFound);
    if (isThere || !(await isRevokedByFile(calls, hostname))) throw cause;
    throw new Error(`${messageOf(cause)}; the server's file of revocations has it, and it must be taken out there`, {
      cause,
    });
  }
}

async function isRevokedByFile(calls: TrustCalls, subject: string): Promise<boolean> {
  return (await listRevocations(calls)).some(({ hostname, source }) => hostname === subject && source === "file");
}
