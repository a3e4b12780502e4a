import { expect, test } from "vitest";
import { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { newDispatches } from "../operator/operator.js";
import { HttpClient } from "../support/client.js";
import { untilParked } from "../support/parked.js";
import { describeInBrowser, useScene } from "./browser.js";

describeInBrowser("an operator acts on the page", () => {
  const scene = useScene({ flags: ["--log-level", "debug"] });

  test("cancels a dispatch: asked once, told what it does and what was done", async () => {
    const { page, operator, visit } = scene();
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["web-01"], "stable@aa") });
    await visit("/dispatches/web-01/stable@aa");
    await page.getByText(/has been waiting for web-01/).waitFor();
    await page.getByRole("button", { name: "Cancel this dispatch…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 dispatch of web-01 under stable@aa will be cancelled.").waitFor();
    await dialog.getByLabel(/^Why/).fill("wrong closure");
    await dialog.getByRole("button", { name: "Cancel it" }).click();
    await dialog.getByText("1 dispatch of web-01 under stable@aa was cancelled.").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByText("cancelled by operator-test").first().waitFor();
    const { dispatch, events } = await operator.queue.getDispatch({ hostname: "web-01", rolloutId: "stable@aa" });
    expect(dispatch?.state).toBe(DispatchState.CANCELLED);
    expect(events.at(-1)?.detail).toBe("wrong closure");
  });

  test("leaves a whole rollout as it is, then cancels it", async () => {
    const { page, operator, visit } = scene();
    const hosts = ["a-1", "a-2", "a-3"];
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(hosts, "stable@bb") });
    await visit("/rollouts/stable@bb");
    const ask = page.getByRole("button", { name: "Cancel 3 open dispatches…" });
    await ask.click();
    await page.getByRole("button", { name: "Leave it" }).click();
    const pending = async () => (await operator.queue.listDispatches({ rolloutId: "stable@bb" })).dispatches;
    expect((await pending()).map(({ state }) => state)).toEqual(hosts.map(() => DispatchState.PENDING));
    await ask.click();
    await page.getByRole("button", { name: "Cancel it" }).click();
    await page.getByText("3 dispatches of the rollout stable@bb were cancelled.").waitFor();
    expect((await pending()).map(({ state }) => state)).toEqual(hosts.map(() => DispatchState.CANCELLED));
  });

  test("revokes a host, whose poll ends, and restores it", async () => {
    const { page, visit, server, pki, operator } = scene();
    const client = new HttpClient(server, pki, await pki.agent("lost-01"));
    // Its connection is cut too, perhaps before it has its answer.
    const poll = client.poll("?wait=60").then(
      ({ status }) => status,
      () => 401,
    );
    await untilParked(server, "lost-01");
    await visit("/hosts/lost-01");
    await page.getByRole("button", { name: "Revoke…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/its polls end, its connections are cut/).waitFor();
    await dialog.getByLabel(/^Why/).fill("stolen");
    await dialog.getByRole("button", { name: "Revoke it" }).click();
    await dialog.getByText(/lost-01 is revoked/).waitFor();
    expect(await poll).toBe(401);
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Restore…" }).click();
    await page.getByRole("button", { name: "Restore it" }).click();
    await page.getByText(/lost-01 is restored/).waitFor();
    expect((await operator.trust.listRevocations({})).revocations).toEqual([]);
    expect((await client.poll("?wait=0")).status).toBe(204);
  });

  const line = (hostname: string, more = {}) =>
    JSON.stringify({
      hostname,
      rollout_id: "edge@cc",
      target_closure: `/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-${hostname}-26.05`,
      soak: "5m",
      ...more,
    });
  const file = (text: string) => ({ name: "fleet.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(text) });

  test("is told of every bad line of a file, of which nothing is enqueued", async () => {
    const { page, visit, operator } = scene();
    await visit("/enqueue");
    const text = [line("e-1"), line("BAD NAME"), "", line("e-2", { soak: "5" }), "{"].join("\n");
    await page.locator('input[type="file"]').setInputFiles(file(text));
    await page.getByText("fleet.jsonl cannot be enqueued: 3 lines are bad").waitFor();
    const problems = await page.locator(".bad-lines li").allTextContents();
    expect(problems).toEqual([
      expect.stringMatching(/^line 2hostname: must be RFC 1123/),
      expect.stringMatching(/^line 4soak: must be a whole number with a unit/),
      expect.stringMatching(/^line 5is not JSON/),
    ]);
    expect((await operator.queue.listDispatches({ rolloutId: "edge@cc" })).dispatches).toEqual([]);
  });

  test("sees what a file would do, and whose hosts are parked, before it is done", async () => {
    const { page, visit, operator, server, pki } = scene();
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["f-1"], "edge@cc") });
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["f-2"], "edge@01") });
    const poll = new HttpClient(server, pki, await pki.agent("f-3")).poll("?wait=60");
    await untilParked(server, "f-3");
    await visit("/enqueue");
    await page.locator('input[type="file"]').setInputFiles(file([line("f-1"), line("f-2"), line("f-3")].join("\n")));
    await page.getByLabel(/^Supersede older ones/).check();
    const facts = async () => (await page.locator(".facts > div").allTextContents()).join(" ");
    expect(await facts()).toBe(
      "Would be created2 Would be replaced1 Would be kept0 Older ones superseded1 Hosts parked now1 of 3",
    );
    await page.getByRole("button", { name: "Enqueue 3…" }).click();
    await page.getByRole("button", { name: "Enqueue", exact: true }).click();
    await page.getByText("3 enqueued: 2 created, 1 replaced, 0 kept, 1 older superseded.").waitFor();
    expect((await poll).status).toBe(200);
  });

  test("enqueues by form, with the rules told where they are broken", async () => {
    const { page, visit, operator, complaints } = scene();
    await visit("/enqueue?host=g-1&rollout=edge@dd");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("Closure: is required").waitFor();
    await page.getByLabel("Hosts").fill("g-1, g-2");
    await page.getByLabel("Closure").fill("/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-26.05");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("button", { name: "Enqueue 2…" }).click();
    await page.getByRole("button", { name: "Enqueue", exact: true }).click();
    await page.getByText("2 enqueued: 2 created").waitFor();
    const { dispatches } = await operator.queue.listDispatches({ rolloutId: "edge@dd" });
    expect(dispatches.map(({ hostname }) => hostname)).toEqual(["g-1", "g-2"]);
    expect(complaints).toEqual([]);
  });
});
