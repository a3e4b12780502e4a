import { resolve } from "node:path";
import { Command } from "commander";
import { UsageError } from "../config/usage-error.js";
import {
  authorityDays,
  authorityPair,
  type Certificate,
  type IssueOptions,
  initCa,
  issueAgent,
  issueOperator,
  issueServer,
  leafDays,
} from "../pki/authority.js";
import { pkiFolder } from "../pki/development.js";
import { addManual, type Example } from "./help.js";
import type { Io } from "./io.js";
import { addPkiOptions, pkiConfig } from "./options.js";
import { paint, printJson, printLine } from "./output.js";

/** `pki`: certificates for development and tests. A real fleet brings its own CA. */
export function pkiCommand(io: Io): Command {
  const pki = new Command("pki")
    .summary("make certificates for development")
    .description("Make certificates for development: a CA, and what it issues.");
  const subcommands = [initCommand(io), serverCommand(io), agentCommand(io), operatorCommand(io)];
  for (const subcommand of subcommands) pki.addCommand(subcommand);
  return addManual(pki, {
    examples: [
      { purpose: "First a CA", line: "nixfleet-dispatch pki init" },
      {
        purpose: "then a server that is reached under a name and an address",
        line: "nixfleet-dispatch pki server dispatch.lab.internal 192.0.2.10",
      },
      { purpose: "then the agent of machine web-01", line: "nixfleet-dispatch pki agent web-01" },
      { purpose: "and the operator alice", line: "nixfleet-dispatch pki operator alice" },
    ],
    exits,
  });
}

const exits = ["ok", "failure", "usage"] as const;

function initCommand(io: Io): Command {
  const command = subcommand("init", "make a CA: ca.crt and ca.key", authorityDays, {
    purpose: "A CA in the usual place",
    line: "nixfleet-dispatch pki init",
  });
  return command.action(async () => {
    const { folder, options } = settings(command, io);
    report(command, io, await initCa(folder, options), "nixfleet-dispatch pki server localhost 127.0.0.1 ::1");
  });
}

function serverCommand(io: Io): Command {
  const command = leafCommand("server", "make a server's certificate", {
    purpose: "A server that is reached under a name and an address",
    line: "nixfleet-dispatch pki server dispatch.lab.internal 192.0.2.10",
  }).argument("<NAME...>", "DNS names and IP addresses. The first one names the files.");
  return command.action(async (names: readonly string[]) => {
    const { folder, options } = settings(command, io);
    const made = await issueServer(folder, names, options);
    const next = ["serve", "--tls-cert", made.cert, "--tls-key", made.key, "--client-ca", authorityPair(folder).cert];
    report(command, io, made, commandLine(next));
  });
}

function agentCommand(io: Io): Command {
  const command = leafCommand("agent", "make the certificate of a machine's agent", {
    purpose: "The agent of machine web-01",
    line: "nixfleet-dispatch pki agent web-01",
  })
    .argument("<ID>", "The machine id. The Common Name is agent-<ID>.<suffix>.")
    .option("--suffix <DOMAIN>", "The ending of the Common Name.\n(default: the server's setting agent-cn-suffix)");
  return command.action(async (id: string) => {
    const { folder, suffix, options } = settings(command, io);
    const made = await issueAgent(folder, id, suffix, options);
    report(command, io, made, commandLine(["agent", ...connection(folder, made)]));
  });
}

function operatorCommand(io: Io): Command {
  const command = leafCommand("operator", "make an operator's certificate", {
    purpose: "The operator alice, whose Common Name is operator-alice",
    line: "nixfleet-dispatch pki operator alice",
  }).argument("<NAME>", "The Common Name is operator-<NAME>.");
  return command.action(async (name: string) => {
    const { folder, options } = settings(command, io);
    const made = await issueOperator(folder, name, options);
    const dispatch = ["--host", "web-01", "--rollout", "stable@a1b2c3d4", "--soak", "5m", "--closure", exampleClosure];
    report(command, io, made, commandLine(["enqueue", ...connection(folder, made), ...dispatch]));
  });
}

const exampleClosure = "/nix/store/0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-nixos-system-web-01-26.05";

function subcommand(name: string, summary: string, defaultDays: number, example: Example): Command {
  const command = new Command(name)
    .summary(summary)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .option("--dir <DIR>", "Where the CA and its certificates are.\n(default: <state-dir>/pki)")
    .option("--days <N>", `How long the certificate is valid, 1 to 3650 days.\n(default: ${defaultDays})`)
    .option("--json", "Print one JSON object instead of text.");
  addPkiOptions(command);
  return addManual(command, { examples: [example], exits });
}

function leafCommand(name: string, summary: string, example: Example): Command {
  return subcommand(name, summary, leafDays, example).option("--force", "Replace files of the same name.");
}

/** What was asked for on the command line, checked. */
function settings(command: Command, io: Io) {
  const written: Readonly<Record<string, unknown>> = command.opts();
  const config = pkiConfig(command, io);
  const { dir, days, suffix } = written;
  const options: IssueOptions = {
    replace: written.force === true,
    ...(typeof days === "string" ? { days: parseDays(days) } : {}),
  };
  return {
    folder: typeof dir === "string" ? resolve(io.cwd, dir) : pkiFolder(config.stateDir),
    suffix: typeof suffix === "string" ? suffix : config.agentCnSuffix,
    options,
  };
}

function parseDays(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new UsageError(`--days: must be a whole number from 1 to 3650, not "${text}"`);
}

function connection(folder: string, { cert, key }: Certificate): string[] {
  return ["--ca", authorityPair(folder).cert, "--cert", cert, "--key", key];
}

/** A line to paste into a shell. */
function commandLine(words: readonly string[]): string {
  const quoted = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  return `nixfleet-dispatch ${quoted.join(" ")}`;
}

function report(command: Command, io: Io, made: Certificate, next: string): void {
  const { cert, key, commonName, notAfter } = made;
  if (command.getOptionValue("json") === true) {
    printJson(io, { cert, key, common_name: commonName, not_after: notAfter.toISOString() });
    return;
  }
  printLine(io, `certificate  ${cert}`);
  printLine(io, `key          ${key}`);
  printLine(io, `name         ${commonName}, valid until ${notAfter.toISOString().slice(0, 10)}`);
  printLine(io);
  printLine(io, paint(io, io.stdout, "dim", "Next:"));
  printLine(io, `  ${next}`);
}
