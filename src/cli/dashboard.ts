import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { TrustService } from "../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { UsageError } from "../config/usage-error.js";
import { type RunningRelay, startRelay } from "../relay/relay.js";
import { connect, ownName } from "./connect.js";
import { systemCode } from "./exit.js";
import { addManual } from "./help.js";
import { interruptible } from "./interrupt.js";
import type { Io } from "./io.js";
import { printNote } from "./operator/write-lines.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions, clientConfig } from "./options.js";
import { messageOf, printJson, printLine, printWarning } from "./output.js";
import { LastingConnection } from "./relayed-transport.js";

/** `dashboard`: the operator's page, for one browser on this machine. */
export function dashboardCommand(io: Io): Command {
  const command = new Command("dashboard")
    .summary("serve the operator's page to a browser on this machine")
    .description(
      "Serve the page on which an operator sees the queue live and acts on it, until Ctrl-C. Open the link that it prints " +
        "in a browser on this machine: it works once, and lets in that browser until this command ends. The page calls the " +
        "server with your certificate, which stays with this command.",
    )
    .option("--port <N>", "The port of 127.0.0.1 that it is served on; 0 picks a free one.\n(default: 0)")
    .option("--json", "Print one JSON object once it is served: link, port, server and operator.");
  addClientOptions(command);
  command.action(() => runDashboard(command, io));
  return addManual(command, {
    examples: [
      { purpose: "Look at the queue", line: "nixfleet-dispatch dashboard" },
      {
        purpose: "From another machine: there, ssh -L 8480:127.0.0.1:8480 to this one, and open the link",
        line: "nixfleet-dispatch dashboard --port 8480",
      },
    ],
    exits: ["ok", "failure", "usage"],
  });
}

/** Beside this module's folder, in the built program. */
const pageFolder = fileURLToPath(new URL("../dashboard", import.meta.url));

async function runDashboard(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const config = clientConfig(command, io);
  const port = parsePort(options.text("port"));
  // Before anything is served: a wrong file is the user's to mend now, not the page's to tell.
  const operator = (await ownName(config)) ?? "";
  const connection = new LastingConnection(() => connect(config, "binary"));
  try {
    // Signals are listened for before anybody is told that the page is up, and might send one.
    await interruptible(io, async (signal) => {
      const relay = await start(port, {
        pageFolder,
        facts: { server: config.server, operator },
        services: [QueueService, TrustService],
        transport: connection.transport,
        onError: (error) => printWarning(io, messageOf(error)),
      });
      const { link } = relay;
      if (options.isOn("json")) printJson(io, { link, port: relay.port, server: config.server, operator });
      else tell(link, config.server, io);
      // Ctrl-C is the way to end it, and no failure.
      if (!signal.aborted) await once(signal, "abort");
      await relay.close();
    });
  } finally {
    connection.close();
  }
}

function tell(link: string, server: string, io: Io): void {
  printLine(io, link);
  printNote(io, `\nOpen this link in a browser on this machine; it works once. The page shows ${server}.`);
  printNote(io, "Ctrl-C ends it.");
}

/** @throws UsageError if the port is taken */
async function start(port: number, options: Omit<Parameters<typeof startRelay>[0], "port">): Promise<RunningRelay> {
  try {
    return await startRelay({ ...options, port });
  } catch (cause) {
    if (systemCode(cause) !== "EADDRINUSE") throw cause;
    const hint = "Choose another one, or leave --port away for a free one.";
    throw new UsageError(`--port: 127.0.0.1:${port} is in use by another program`, hint, { cause });
  }
}

function parsePort(text = "0"): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new UsageError(`--port: must be a whole number from 0 to 65535, not "${text}"`);
}
