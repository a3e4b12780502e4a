import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { type Operator, operatorOf } from "../operator/operator.js";
import { TestPki } from "../support/pki.js";
import { type ServerSettings, TestServer } from "../support/server.js";
import { RunningDashboard } from "./running-dashboard.js";

const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Debian's package; it reaches for the network at every start unless told not to. */
const flags = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

const hasChromium = existsSync(chromiumPath);

/** Tests in a browser; where there is none, it says plainly what was not run. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (!hasChromium) console.warn(`NOT RUN, since there is no ${chromiumPath}: ${name}. apt-get install chromium`);
  describe.skipIf(!hasChromium)(name, tests);
}

/** A browser of its own, with nothing in it. */
export async function openBrowser(): Promise<{ readonly context: BrowserContext; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    args: flags,
    viewport: { width: 1280, height: 800 },
  });
  context.setDefaultTimeout(20_000);
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** A server, its page, and a browser that was let in. */
export interface Scene {
  readonly pki: TestPki;
  server: TestServer;
  readonly operator: Operator;
  readonly dashboard: RunningDashboard;
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page complained about: it should be nothing. */
  readonly complaints: string[];
  /** Goes to an address of the page, and waits until it is live. */
  visit(path: string): Promise<void>;
}

/** Sets a scene up for the tests of a file, and clears it away. */
export function useScene(settings: ServerSettings = {}, prepare?: (operator: Operator) => Promise<void>): () => Scene {
  let scene: Scene | undefined;
  let close: () => Promise<void> = async () => undefined;
  beforeAll(async () => {
    const pki = await TestPki.create();
    const server = await TestServer.start(pki, settings);
    const operator = operatorOf(server, pki);
    await prepare?.(operator);
    const dashboard = await RunningDashboard.start(server, pki);
    const browser = await openBrowser();
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    const complaints = complaintsOf(page);
    await page.goto(dashboard.link);
    const visit = async (path: string) => {
      await page.goto(`${dashboard.origin}${path}`);
      await untilLive(page);
    };
    scene = { pki, server, operator, dashboard, context: browser.context, page, complaints, visit };
    close = async () => {
      await browser.close();
      await dashboard.stop();
      if (scene !== undefined && !scene.server.hasExited) await scene.server.stop();
      pki.remove();
    };
    await untilLive(page);
  });
  afterAll(() => close());
  return () => {
    if (scene === undefined) throw new Error("the scene is not set");
    return scene;
  };
}

export function untilLive(page: Page): Promise<void> {
  return page.locator('[data-condition="live"]').waitFor();
}

/** Errors of scripts, and of the browser about the page: a policy that was broken among them. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return complaints;
}
