#!/usr/bin/env node
// Pictures of every view of the operator's page, light, dark and on a phone, into docs/dashboard/.
//
//   npm run build && npm run screenshots
//
// Needs Debian's chromium. The pictures differ from run to run: they show times.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import { startDemo } from "./demo-fleet.mjs";

const folder = process.argv[2] ?? "docs/dashboard";
const only = process.argv[3] ?? "";
const looks = [
  { name: "light", viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  { name: "phone", viewport: { width: 390, height: 780 }, colorScheme: "light" },
];

mkdirSync(folder, { recursive: true });
const demo = await startDemo();
const profile = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-chromium-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
try {
  const page = context.pages()[0] ?? (await context.newPage());
  page.on("console", (message) => message.type() === "error" && console.error(message.text()));
  page.on("pageerror", (error) => console.error(error));
  await page.goto(demo.link);
  await page.locator('[data-condition="live"]').waitFor();
  await sleep(9_000);
  for (const { name, path, prepare } of views(demo.rollout)) {
    if (!name.includes(only)) continue;
    for (const look of looks) {
      if (look.name !== "light" && (name === "cancel" || name === "help")) continue;
      await page.setViewportSize(look.viewport);
      await page.emulateMedia({ colorScheme: look.colorScheme });
      await page.goto(new URL(path, page.url()).href);
      await page.locator('[data-condition="live"]').waitFor();
      await prepare?.(page);
      await sleep(600);
      await page.screenshot({ path: join(folder, `${name}-${look.name}.png`) });
    }
  }
} finally {
  await context.close();
  rmSync(profile, { recursive: true });
  await demo.stop();
}
shrink();

/** By Debian's pngquant, where it is: to a fifth. */
function shrink() {
  const files = readdirSync(folder).filter((name) => name.endsWith(".png") && name.includes(only));
  const args = ["--force", "--ext", ".png", "--speed", "1", "--strip", "64"];
  const { error } = spawnSync("pngquant", [...args, ...files.map((name) => join(folder, name))], { stdio: "inherit" });
  if (error !== undefined) console.error("the pictures stay large: there is no pngquant");
}

function views(rollout) {
  const fill = async (page) => {
    await page.getByLabel("Hosts").fill("fra1-web-01 fra1-web-02 hel1-db-01 sin1-kiosk-04");
    await page.getByLabel("Rollout").fill("stable@c0ffee42");
    await page.getByLabel("Closure").fill("/nix/store/0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-nixos-system-26.05");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("Supersede older ones").click();
  };
  const chart = (page) => page.getByText("history of the last hour is being read").waitFor({ state: "detached" });
  return [
    { name: "now", path: "/", prepare: chart },
    { name: "rollouts", path: "/rollouts" },
    { name: "rollout", path: `/rollouts/${rollout}` },
    { name: "hosts", path: "/hosts" },
    { name: "host", path: "/hosts/fra1-web-01" },
    { name: "dispatch", path: `/dispatches/fra1-web-01/${rollout}` },
    { name: "live", path: "/live", prepare: (page) => page.getByRole("row").nth(3).waitFor({ timeout: 20_000 }) },
    { name: "enqueue", path: "/enqueue" },
    { name: "preview", path: "/enqueue", prepare: fill },
    {
      name: "cancel",
      path: `/rollouts/${rollout}`,
      prepare: async (page) => {
        await page.getByRole("button", { name: /^Cancel/ }).click();
        await page.getByText("will be cancelled").waitFor();
      },
    },
    { name: "help", path: "/hosts", prepare: (page) => page.getByRole("button", { name: /^Help/ }).click() },
  ];
}
