import { Command } from "commander";
import { isHostname } from "../dispatch/hostname.js";
import type { Instant } from "../dispatch/instant.js";
import { parseReason } from "../dispatch/lease.js";
import { timestampFromInstant } from "../http/convert.js";
import { hostLines } from "../words/evidence.js";
import type { Telling } from "../words/explanation.js";
import { knownHost } from "../words/record.js";
import { ownName } from "./connect.js";
import { addManual } from "./help.js";
import { tellingFor } from "./history/telling.js";
import type { Io } from "./io.js";
import { assertCanAsk, confirm } from "./operator/confirm.js";
import { parsePastInstant } from "./operator/past-instant.js";
import { type KnownRevocation, knownRevocation, parseSubject, revocationJson } from "./operator/revocation.js";
import { type TrustCalls, withTrust } from "./operator/trust-calls.js";
import { printNote } from "./operator/write-lines.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions, clientConfig } from "./options.js";
import { printJson, printLine, printWarning } from "./output.js";

/** `revoke`: a host's certificates do not count any more. */
export function revokeCommand(io: Io): Command {
  const command = new Command("revoke")
    .summary("let a host's certificates count no more")
    .description(
      "Refuse the certificates of a host, or of an operator, that were issued before an instant: parked polls end,\n" +
        "connections are cut, nothing more is handed out, within two seconds. A certificate that is issued later is\n" +
        "accepted. It says so and asks. Safe to repeat; of two instants the later one counts.",
    )
    .argument("<HOST>", "A host (its machine id), or an operator's Common Name.")
    .option(
      "--before <INSTANT>",
      "Certificates that were issued earlier are refused: RFC 3339, or how long ago, such as 2h.\n(default: now)",
    )
    .option("--reason <TEXT>", "Why, for whoever asks later: at most 1024 bytes.")
    .option("--yes", "Do not ask. Needed where there is no terminal to ask on.")
    .option(
      "--json",
      "Print one JSON object, what is in force now: hostname, revoked_before, source, reason, revoked_by and revoked_at.",
    );
  addClientOptions(command);
  command.action((host: string) => runRevoke(host, command, io));
  return addManual(command, {
    examples: [
      { purpose: "A machine was stolen", line: "nixfleet-dispatch revoke web-01 --reason stolen --yes" },
      {
        purpose: "Its key leaked; it has a new certificate since yesterday noon",
        line: "nixfleet-dispatch revoke web-01 --before 2026-05-15T12:00:00Z --yes",
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "unavailable", "interrupted"],
  });
}

/** What was asked for. */
interface Revoking {
  readonly hostname: string;
  /** `undefined`: now, by the server's clock. */
  readonly before: Instant | undefined;
  readonly reason: string;
}

async function runRevoke(host: string, command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const before = options.text("before");
  const revoking: Revoking = {
    hostname: parseSubject(host),
    before: before === undefined ? undefined : parsePastInstant(before, "--before", new Date()),
    reason: parseReason(options.text("reason") ?? "", "--reason"),
  };
  assertCanAsk(io, options.isOn("yes"));
  if ((await ownName(clientConfig(command, io))) === revoking.hostname) {
    printWarning(io, `${revoking.hostname} is your own name: you lock yourself out`);
  }
  await withTrust(command, io, async (calls) => {
    if (!options.isOn("yes")) await ask(calls, revoking, io);
    const inForce = await revoke(calls, revoking);
    if (options.isOn("json")) printJson(io, revocationJson(inForce));
    else report(inForce, revoking, tellingFor(calls.clock, false, io), io);
  });
}

async function revoke({ trust, signal, clock }: TrustCalls, { hostname, before, reason }: Revoking) {
  const revokedBefore = before === undefined ? {} : { revokedBefore: timestampFromInstant(before) };
  const request = { hostname, reason, ...revokedBefore };
  const { revocation } = await trust.revokeHost(request, { signal, onHeader: clock.onHeader });
  if (revocation === undefined) throw new Error("the server's answer is not understood: it has no revocation");
  return knownRevocation(revocation);
}

async function ask(calls: TrustCalls, { hostname, before }: Revoking, io: Io): Promise<void> {
  const known = isHostname(hostname) ? await lookUp(calls, hostname) : undefined;
  const telling = tellingFor(calls.clock, false, io);
  const issued = before === undefined ? "until now" : `before ${telling.time.plain(before)}`;
  printNote(io, `Certificates of ${hostname} that were issued ${issued} are refused from now on: its polls end, its`);
  printNote(io, "connections are cut, and nothing more is handed to it. One that is issued later is accepted.");
  for (const line of known === undefined ? [] : hostLines(known.host, telling)) printNote(io, line);
  if (known !== undefined && known.pending > 0)
    printNote(io, `${known.pending} of its dispatches wait, and will go on waiting`);
  await confirm(`Revoke ${hostname}?`, `not confirmed: ${hostname} was not revoked`, io, calls.signal);
}

async function lookUp({ queue, signal, clock }: TrustCalls, hostname: string) {
  const { hosts } = await queue.listHosts({ hostname }, { signal, onHeader: clock.onHeader });
  const [found] = hosts;
  const presence = found?.presence;
  return presence === undefined ? undefined : { host: knownHost(presence), pending: found?.pending ?? 0 };
}

function report(inForce: KnownRevocation, { hostname, before }: Revoking, { time }: Telling, io: Io): void {
  const { revokedBefore } = inForce;
  const instant = revokedBefore === null ? "any time" : time.plain(revokedBefore);
  printLine(io, `revoked  ${hostname}  its certificates from before ${instant} are refused`);
  const isLater = before !== undefined && revokedBefore !== null && revokedBefore > before;
  if (isLater) printNote(io, "it had been revoked before with that later instant, which stays in force");
}
