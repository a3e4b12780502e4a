import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DevelopmentServer } from "../docs/development-server.js";
import { examplesIn, masked, type Ran, runExamples } from "../docs/examples.js";
import { fencesIn } from "../docs/markdown.js";
import { installedProgram, runInBash } from "../docs/shell.js";
import { hasCurl } from "./support/command.js";
import { type Finished, runProgram } from "./support/server.js";

let folder: string;
beforeAll(() => {
  // With characters that a shell would trip over if the printed commands did not quote them.
  folder = mkdtempSync(join(tmpdir(), "nixfleet newcomer's "));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("serve without any certificate", () => {
  let stateDir: string;
  let server: DevelopmentServer;

  beforeAll(async () => {
    stateDir = join(folder, "state");
    server = await DevelopmentServer.start(folder, ["--state-dir", stateDir]);
  });
  afterAll(() => server.stop());

  function typed(command: string | undefined): Promise<Finished> {
    return runInBash(command ?? "false", { HOME: folder });
  }

  /** With the certificates that the server has made, since it is told of no others. */
  function program(...args: string[]): Promise<Finished> {
    return runProgram([...args, "--server", server.url, "--state-dir", stateDir]);
  }

  test.skipIf(!hasCurl)(
    "prints a curl that fetches the first dispatch, and an enqueue that puts in the next",
    async () => {
      const [curl, enqueue, ...others] = server.commands;
      expect(others).toEqual([]);

      const first = await typed(curl);
      expect([first.code, JSON.parse(first.stdout)]).toMatchObject([
        0,
        { hostname: "web-01", rollout_id: "first@c0ffee" },
      ]);

      expect(await typed(enqueue)).toEqual({ code: 0, stdout: "created  web-01  stable@a1b2c3d4\n", stderr: "" });

      const second = await typed(curl);
      expect(JSON.parse(second.stdout)).toMatchObject({ hostname: "web-01", rollout_id: "stable@a1b2c3d4" });
    },
  );

  test("agent --once --exec gets a dispatch and hands it to the command, with the development certificate", async () => {
    const rollout = "canary@beef";
    const closure = "/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-web-01-26.05";
    const what = ["--host", "web-01", "--rollout", rollout, "--closure", closure, "--soak", "5m"];
    expect(await program("enqueue", ...what)).toMatchObject({ code: 0 });

    // The queue is handed out oldest first, so the first dispatch may still be before it.
    const seen: string[] = [];
    while (seen.at(-1) !== rollout) {
      const { code, stdout, stderr } = await program("agent", "--once", "--json", "--exec", "cat >&2");
      expect([code, stderr]).toEqual([0, stdout]);
      seen.push(JSON.parse(stdout).rollout_id);
    }
    expect(seen.length).toBeLessThanOrEqual(3);
  });

  test("keeps its certificates over a restart", async () => {
    const pki = join(stateDir, "pki");
    const certificates = () => readdirSync(pki).map((name) => [name, readFileSync(join(pki, name), "utf8")]);
    const before = certificates();
    expect(before.length).toBe(8);

    expect(await server.stop()).toBe(0);
    server = await DevelopmentServer.start(folder, ["--state-dir", stateDir]);
    expect(certificates()).toEqual(before);
    expect(await program("agent", "--once", "--json")).toMatchObject({ code: 0, stderr: "" });
  });
});

const pages = ["README.md", ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`)]
  .filter((path) => path.endsWith(".md"))
  .map((path) => ({ path, page: readFileSync(path, "utf8") }))
  .map(({ path, page }) => ({ path, examples: examplesIn(page), banner: fencesIn(page).find(isBanner)?.text }))
  .filter(({ examples }) => examples.length > 0);

function isBanner({ mark }: { readonly mark: string }): boolean {
  return mark === "banner";
}

describe.skipIf(!hasCurl).each(pages)("the examples of $path", ({ path, examples, banner }) => {
  let home: string;
  let server: DevelopmentServer;
  let ran: Ran;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "nixfleet-reader-"));
    server = await DevelopmentServer.start(home);
    ran = await runExamples(examples, { server, home, bin: installedProgram(home) });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(home, { recursive: true });
  });

  test("all run", () => {
    const last = examples[ran.outputs.length - 1]?.code.line;
    const trouble = ran.code === 0 ? undefined : `${path}:${last}: ended with ${ran.code}\n${ran.stderr}`;
    expect(trouble).toBeUndefined();
  });

  test.each(examples.map(({ code, prints }, i) => ({ line: code.line, prints, i })))(
    "the one in line $line prints what the page says",
    ({ prints, i }) => {
      if (prints !== undefined) expect(masked(ran.outputs[i] ?? "", home)).toBe(masked(prints, "/home/ada"));
    },
  );

  if (banner !== undefined) {
    test("the banner is what serve prints", () => {
      expect(masked(server.guide, home)).toBe(masked(banner, "/home/ada"));
    });
  }
});
