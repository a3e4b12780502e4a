import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { newDispatches, type Operator } from "../operator/operator.js";
import { HttpClient } from "../support/client.js";
import { describeInBrowser, useScene } from "./browser.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const views = {
  Now: "/",
  Rollouts: "/rollouts",
  "a rollout": "/rollouts/stable@aa",
  Hosts: "/hosts",
  "a host": "/hosts/web-00",
  "a dispatch": "/dispatches/web-00/stable@aa",
  Live: "/live",
  Enqueue: "/enqueue",
  "an address that leads nowhere": "/nowhere",
};

async function fill({ queue }: Operator): Promise<void> {
  const hosts = Array.from({ length: 40 }, (_, i) => `web-${String(i).padStart(2, "0")}`);
  await queue.enqueueDispatches({ dispatches: newDispatches(hosts, "stable@aa") });
  await queue.enqueueDispatches({ dispatches: newDispatches(hosts, "stable@bb") });
  await queue.cancelDispatches({ hostname: "web-03" });
}

describeInBrowser("the page is for everybody", () => {
  const scene = useScene({}, fill);

  describe.each(["light", "dark"] as const)("in %s", (colorScheme) => {
    test.each(Object.entries(views))("axe finds nothing in %s", async (_, path) => {
      const { page, visit, server, pki } = scene();
      await page.emulateMedia({ colorScheme });
      await visit(path);
      if (path === "/live") {
        const agent = await pki.agent(`web-1${colorScheme === "light" ? 0 : 1}`);
        await new HttpClient(server, pki, agent).poll("?wait=0");
        await page.getByRole("row").nth(1).waitFor();
      }
      await page.getByRole("heading", { level: 1 }).waitFor();
      // As an extension would, and not through the page's policy.
      const session = await page.context().newCDPSession(page);
      await session.send("Runtime.evaluate", { expression: axe });
      const { result } = await session.send("Runtime.evaluate", {
        expression:
          "axe.run().then(({ violations }) => JSON.stringify(violations.map((v) => [v.id, v.nodes.map((n) => n.html + ' ' + n.failureSummary)])))",
        awaitPromise: true,
      });
      expect(JSON.parse(String(result.value))).toEqual([]);
    });
  });

  test.each(Object.entries(views))("%s fits on a phone of 360 pixels", async (_, path) => {
    const { page, visit } = scene();
    await page.setViewportSize({ width: 360, height: 700 });
    await visit(path);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test("hosts are sorted by any column on a phone, which does not show them all", async () => {
    const { page, visit } = scene();
    await page.setViewportSize({ width: 360, height: 700 });
    await visit("/hosts");
    const first = page.getByRole("row").nth(1).getByRole("link");
    await expect.poll(() => first.textContent()).toBe("web-00");
    expect(await page.getByRole("columnheader", { name: "Pending" }).count()).toBe(0);
    // All that waited for web-03 was cancelled.
    await page.getByLabel("Sort by").selectOption({ label: "Pending" });
    await expect.poll(() => first.textContent()).toBe("web-03");
    await page.getByRole("button", { name: "The other way round" }).click();
    await expect.poll(() => first.textContent()).toBe("web-00");
    await page.getByRole("button", { name: "The other way round", pressed: true }).waitFor();
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(await page.getByLabel("Sort by").isVisible()).toBe(false);
  });

  test("by keyboard alone: to the content, through views and lists, into a dispatch, and out of a question", async () => {
    const { page, visit } = scene();
    await visit("/");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("content");
    await page.keyboard.press("g");
    await page.keyboard.press("h");
    await page.getByRole("heading", { name: "Hosts" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("web-1");
    await page.getByRole("button", { name: "All" }).waitFor();
    await page.getByRole("link", { name: "web-10" }).focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowUp", "End", "Home", "ArrowDown"]) await page.keyboard.press(key);
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("web-11");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "web-11" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Keys", { exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await visit("/rollouts/stable@aa");
    const square = page.getByRole("link", { name: "web-00, pending" });
    await square.focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("web-01, pending");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Cancel this dispatch…" }).press("Enter");
    await page.getByText("will be cancelled").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("time").first().waitFor();
  });

  test("the theme follows the system until the reader chooses, and the choice stays", async () => {
    const { page, visit } = scene();
    await page.emulateMedia({ colorScheme: "light" });
    await visit("/");
    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.keyboard.press("t");
    expect(await background()).toBe(light);
    await page.reload();
    expect(await background()).toBe(light);
  });

  test("nothing breaks the page's own policy, in any view", () => {
    expect(scene().complaints).toEqual([]);
  });
});
