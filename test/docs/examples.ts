import type { DevelopmentServer } from "./development-server.js";
import { type Fence, fencesIn } from "./markdown.js";
import { runInBash } from "./shell.js";

/**
 * An example that runs: a fence below `<!-- checked -->`, in sh or js, and what the fence behind it below
 * `<!-- prints -->` says that it prints. The examples of a page run one after the other in one shell, against a server in
 * development mode on the default ports.
 */
export interface Example {
  readonly code: Fence;
  /** `undefined` if the page does not show it. */
  readonly prints: string | undefined;
}

export function examplesIn(page: string): Example[] {
  const fences = fencesIn(page);
  return fences.flatMap((code, i) => {
    if (code.mark !== "checked") return [];
    const next = fences[i + 1];
    return [{ code, prints: next?.mark === "prints" ? next.text : undefined }];
  });
}

export interface Ran {
  readonly code: number | null;
  readonly stderr: string;
  /** What each example printed, as far as the script came. */
  readonly outputs: readonly string[];
}

export interface Place {
  readonly server: DevelopmentServer;
  readonly home: string;
  /** Stands before everything else on the PATH. */
  readonly bin: string;
}

const mark = "@@ next example @@";

export async function runExamples(examples: readonly Example[], { server, home, bin }: Place): Promise<Ran> {
  const script = examples.map(({ code }) => `echo '${mark}'\n${toShell(code)}`).join("");
  const { code, stdout, stderr } = await runInBash(onItsPorts(script, server), {
    HOME: home,
    PATH: `${bin}:${process.env.PATH}`,
    NIXFLEET_DISPATCH_SERVER: server.url,
  });
  return { code, stderr, outputs: stdout.split(`${mark}\n`).slice(1) };
}

/** An example of the agent library finds a dispatch in the queue. */
const dispatchForAgents =
  "nixfleet-dispatch enqueue --host web-01 --rollout stable@a1b2c3d4 --soak 5m " +
  "--closure /nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-web-01-26.05 > /dev/null";

function toShell({ language, text, line }: Fence): string {
  if (language === "sh") return text;
  if (language === "js") return `${dispatchForAgents}\nnode --input-type=module <<'END_OF_JS'\n${text}END_OF_JS\n`;
  throw new Error(`line ${line}: only sh and js can be checked, not ${language}`);
}

function onItsPorts(script: string, { url, adminUrl }: DevelopmentServer): string {
  return script.replaceAll("localhost:8443", new URL(url).host).replaceAll("127.0.0.1:9464", new URL(adminUrl).host);
}

/** Without what differs from run to run: instants, dates, ports, the reader's home. */
export function masked(output: string, home: string): string {
  return output
    .replaceAll(home, "/home/ada")
    .replace(/ --server https:\/\/localhost:\d+/g, "")
    .replace(/(localhost|127\.0\.0\.1):\d+/g, "$1:PORT")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z */g, "INSTANT ")
    .replace(/\b\d{4}-\d\d-\d\d\b/g, "DATE")
    .replace(/\bdue in \d+ [sm]\b/g, "due in A WHILE")
    .trim();
}
