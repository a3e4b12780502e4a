import { expect, test } from "vitest";
import { newDispatches } from "../operator/operator.js";
import { HttpClient } from "../support/client.js";
import { TestServer } from "../support/server.js";
import { describeInBrowser, untilLive, useScene } from "./browser.js";

const hosts = Array.from({ length: 500 }, (_, i) => `web-${String(i).padStart(3, "0")}`);

describeInBrowser("the page follows what happens", () => {
  const scene = useScene();

  test("a rollout of 500 hosts advances while their agents poll, without a reload", { timeout: 120_000 }, async () => {
    const { page, operator, visit, server, pki, complaints } = scene();
    await visit("/rollouts");
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(hosts, "stable@aa") });
    await page.getByRole("link", { name: "stable@aa" }).click();
    const count = (state: string) => page.getByRole("button", { name: new RegExp(`^${state} `) });
    await expect.poll(() => count("pending").textContent()).toBe("pending500");
    const seen = new Set<string>();
    for (let i = 0; i < hosts.length; i += 50) {
      await Promise.all(
        hosts.slice(i, i + 50).map(async (host) => {
          const client = new HttpClient(server, pki, await pki.agent(host));
          expect((await client.poll("?wait=0")).status).toBe(200);
        }),
      );
      const delivered = `delivered${i + 50}`;
      await expect.poll(() => count("delivered").textContent()).toBe(delivered);
      seen.add(delivered);
    }
    expect(seen.size).toBe(10);
    expect(await count("pending").count()).toBe(0);
    await page.getByText("finished").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a server that restarts shows as stale, and then the stream goes on without gap or repeat", async () => {
    const it = scene();
    const { page, operator, visit, pki } = it;
    await it.server.stop();
    await page.locator('[data-condition="stale"]').waitFor();
    await page.getByText(/What you see is as it was at/).waitFor();
    it.server = await TestServer.start(pki, { port: it.server.port });
    await untilLive(page);
    // Another database: what it had is gone, and the page says what is there now.
    await visit("/live");
    await page.getByText("Nothing has happened since").waitFor();
    const enqueue = (host: string) =>
      operator.queue.enqueueDispatches({ dispatches: newDispatches([host], "edge@bb") });
    for (let i = 0; i < 5; i += 1) await enqueue(`before-${i}`);
    await page.getByRole("link", { name: "before-4" }).waitFor();
    const { port } = it.server;
    const db = await it.server.keepAndStop();
    await page.locator('[data-condition="stale"]').waitFor();
    it.server = await TestServer.start(pki, { port, db });
    for (let i = 0; i < 5; i += 1) await enqueue(`after-${i}`);
    await page.getByRole("link", { name: "after-4" }).waitFor();
    await untilLive(page);
    const links = await page.getByRole("row").getByRole("link").allTextContents();
    const expected = ["before", "after"].flatMap((word) => Array.from({ length: 5 }, (_, i) => `${word}-${i}`));
    expect(links.toReversed()).toEqual(expected);
  });

  test("the stream can be paused and filtered, and tells how much it holds back", async () => {
    const { page, operator, visit } = scene();
    await visit("/live");
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["shown-1"], "edge@cc") });
    await page.getByRole("link", { name: "shown-1" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["held-1", "held-2"], "edge@cc") });
    await page.getByText("2 more have happened since.").waitFor();
    expect(await page.getByRole("link", { name: "held-1" }).count()).toBe(0);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("link", { name: "held-2" }).waitFor();
    await page.getByRole("searchbox").fill("held-2");
    await page.getByRole("link", { name: "held-1" }).waitFor({ state: "detached" });
    expect(new URL(page.url()).searchParams.get("q")).toBe("held-2");
    await page.reload();
    expect(await page.getByRole("searchbox").inputValue()).toBe("held-2");
  });

  test("what a tile counts is behind it: the rollouts, and in each the hosts that are in that state", async () => {
    const { page, operator, visit, pki, server, complaints } = scene();
    const dispatches = newDispatches(["given-up", "at-work", "waiting"], "stable@dd");
    await operator.queue.enqueueDispatches({ dispatches: dispatches.map((one) => ({ ...one, maxAttempts: 1 })) });
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["waiting"], "edge@dd") });
    for (const [host, seconds] of [
      ["given-up", 1],
      ["at-work", 600],
    ] as const) {
      const client = new HttpClient(server, pki, await pki.agent(host));
      expect((await client.poll(`?wait=0&lease_seconds=${seconds}`)).status).toBe(200);
    }
    await visit("/");
    for (const [tile, show, state] of [
      ["Dead 1", "With dead", "dead"],
      ["Leased 1", "With leased", "leased"],
    ] as const) {
      await page.getByRole("link", { name: new RegExp(`^${tile}`) }).click();
      await page.getByRole("button", { name: new RegExp(`^${show}`), pressed: true }).waitFor();
      const rollouts = page.getByRole("row").getByRole("link");
      expect(await rollouts.allTextContents()).toEqual(["stable@dd"]);
      await rollouts.click();
      await page.getByRole("button", { name: new RegExp(`^${state}`), pressed: true }).waitFor();
      await visit("/");
    }
    expect(complaints).toEqual([]);
  });
});
