import { basename, relative } from "node:path";
import { takePath } from "../agent/plain-paths.js";
import type { RunningServer } from "../app.js";
import { isLoopback } from "../config/host-port.js";
import { defaultStateDir, type ServeConfig } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import { type DevelopmentPki, developmentAgentId } from "../pki/development.js";
import type { Io } from "./io.js";
import { paint, printLine } from "./output.js";

/** @throws UsageError where development certificates would reach further than this machine */
export function assertDevelopmentAllowed({ listen, strict }: ServeConfig): void {
  const trouble = strict ? "--strict" : isLoopback(listen.host) ? undefined : `--listen ${listen.host}`;
  if (trouble === undefined) return;
  throw new UsageError(
    `without --tls-cert this is development mode, which ${trouble} rules out`,
    "Give --tls-cert, --tls-key and --client-ca; `nixfleet-dispatch pki init` makes a set to start with.",
  );
}

const closure = "/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-web-01-26.05";
const rollout = "first@c0ffee";

/** Puts something to fetch into the queue. @returns false if the server has none */
export async function enqueueFirstDispatch(server: RunningServer): Promise<boolean> {
  if (server.enqueue === undefined) return false;
  const soakDueAt = new Date(Date.now() + 5 * 60_000);
  await server.enqueue([{ hostname: developmentAgentId, rolloutId: rollout, targetClosure: closure, soakDueAt }]);
  return true;
}

export interface Guide {
  readonly url: string;
  readonly pki: DevelopmentPki;
  readonly enqueued: boolean;
  readonly config: ServeConfig;
}

/** Says loudly what this mode is, and the exact commands that work next. */
export function printDevelopmentGuide(io: Io, { url, pki, enqueued, config }: Guide): void {
  const { agent, ca } = pki;
  const curl = `curl --cacert ${quote(ca)} --cert ${quote(agent.cert)} --key ${quote(agent.key)} '${url}${takePath}?wait=60'`;
  const say = (line = "") => printLine(io, line);
  say(
    paint(
      io,
      io.stdout,
      ["bold", "yellow"],
      "DEVELOPMENT MODE: certificates of its own making, for this machine only.",
    ),
  );
  say(`They are in ${pki.folder} and are kept. A fleet's server takes --tls-cert, --tls-key and --client-ca.`);
  say();
  say(
    enqueued ? `A first dispatch waits for ${developmentAgentId}. Fetch it as its agent would:` : "Poll as an agent:",
  );
  say();
  say(`  ${curl}`);
  say();
  say("Enqueue the next one, in another terminal, and fetch it the same way (the poll waits up to a minute):");
  say();
  say(`  ${enqueueCommand(io, url, config)}`);
  say();
}

function enqueueCommand(io: Io, url: string, { stateDir }: ServeConfig): string {
  const server = url === "https://localhost:8443" ? "" : ` --server ${url}`;
  const state = stateDir === defaultStateDir(io.env) ? "" : ` --state-dir ${quote(stateDir)}`;
  const what = `--host ${developmentAgentId} --rollout stable@a1b2c3d4 --closure ${closure} --soak 5m`;
  return `${programName(io)} enqueue${server}${state} ${what}`;
}

/** What to type to run this very program again: from a checkout it is not on the PATH. */
function programName({ cwd }: Io): string {
  const script = process.argv[1] ?? "";
  return basename(script) === "nixfleet-dispatch" ? "nixfleet-dispatch" : `node ${quote(relative(cwd, script))}`;
}

function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
