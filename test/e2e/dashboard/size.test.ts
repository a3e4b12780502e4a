import { expect, test } from "vitest";
import { newDispatches, type Operator } from "../operator/operator.js";
import { describeInBrowser, useScene } from "./browser.js";

const count = 10_000;
const hosts = Array.from({ length: count }, (_, i) => `web-${String(i).padStart(5, "0")}`);

async function fill(operator: Operator): Promise<void> {
  await operator.queue.enqueueDispatches({ dispatches: newDispatches(hosts, "stable@aa") });
}

describeInBrowser("10,000 hosts", () => {
  const scene = useScene({}, fill);

  test("are all there, of which the document holds those in sight", { timeout: 120_000 }, async () => {
    const { page, visit, complaints } = scene();
    const from = performance.now();
    await visit("/hosts");
    const loadedMs = performance.now() - from;
    await page.getByRole("button", { name: "All 10,000" }).waitFor();
    expect(await page.getByRole("table").getAttribute("aria-rowcount")).toBe(String(count + 1));
    expect(await page.getByRole("row").count()).toBeLessThan(80);
    const paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
    const frames = await page.evaluate(scroll);
    console.log(
      `${count} hosts: first paint ${Math.round(Number(paint))} ms, live after ${Math.round(loadedMs)} ms, scrolling ${frames}`,
    );
    await page.getByRole("link", { name: "web-09999" }).waitFor();
    expect(await page.getByRole("row").count()).toBeLessThan(80);
    expect(complaints).toEqual([]);
  });

  test("are found by name, sorted, and shown as squares by state", async () => {
    const { page, visit } = scene();
    await visit("/hosts?q=web-0777");
    await page.getByRole("link", { name: "web-07770" }).waitFor();
    expect(await page.getByRole("table").getAttribute("aria-rowcount")).toBe("11");
    await page.getByRole("button", { name: "Host" }).click();
    const first = page.getByRole("row").nth(1).getByRole("link");
    await expect.poll(() => first.textContent()).toBe("web-07779");
    await visit("/rollouts/stable@aa");
    const squares = page.getByRole("link", { name: /^web-\d+, pending$/ });
    await squares.first().waitFor();
    expect(await squares.count()).toBeLessThan(4_000);
  });
});

/** From the top to the bottom in a second's worth of frames; how long they took. */
const scroll = `new Promise((resolve) => {
  const steps = 60;
  const took = [];
  let last = performance.now();
  const step = (i) => {
    const now = performance.now();
    took.push(now - last);
    last = now;
    window.scrollTo(0, (document.documentElement.scrollHeight * i) / steps);
    if (i < steps + 5) return requestAnimationFrame(() => step(i + 1));
    took.sort((a, b) => a - b);
    resolve("median frame " + Math.round(took[took.length >> 1]) + " ms, slowest " + Math.round(took.at(-1)) + " ms");
  };
  requestAnimationFrame(() => step(0));
})`;
