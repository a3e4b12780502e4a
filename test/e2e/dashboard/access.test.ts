import { once } from "node:events";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { describeInBrowser, openBrowser, untilLive, useScene } from "./browser.js";

describeInBrowser("the page lets in one browser", () => {
  const scene = useScene();

  test("by the token of the link, which leaves no trace in the address or the history", async () => {
    const { page, dashboard, context, complaints } = scene();
    expect(page.url()).toBe(`${dashboard.origin}/`);
    const [cookie, ...others] = await context.cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", expires: -1 });
    expect(String(await page.evaluate("JSON.stringify({ ...localStorage })"))).not.toContain(dashboard.token);
    await page.goBack();
    expect(page.url()).not.toContain(dashboard.token);
    expect(complaints).toEqual([]);
  });

  test("which gets in again by the same link, as nobody else does", async () => {
    const { page, dashboard } = scene();
    await page.goto(dashboard.link);
    await untilLive(page);
    const other = await openBrowser();
    try {
      const stranger = await other.context.newPage();
      await stranger.goto(dashboard.link);
      await stranger.getByRole("heading", { name: "This link does not open the page" }).waitFor();
      await stranger.goto(`${dashboard.origin}/open#${"x".repeat(43)}`);
      await stranger.getByRole("heading", { name: "This link does not open the page" }).waitFor();
      await stranger.goto(`${dashboard.origin}/hosts`);
      await stranger.getByRole("heading", { name: "This browser is not let in" }).waitFor();
    } finally {
      await other.close();
    }
  });

  test("and no other site in it: it can neither call, nor post, nor frame, nor load", async () => {
    const { context, dashboard, operator } = scene();
    const evil = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>evil</title>");
    });
    evil.listen(0, "127.0.0.1");
    await once(evil, "listening");
    const address = evil.address();
    const port = typeof address === "object" ? address?.port : 0;
    const page = await context.newPage();
    try {
      await page.goto(`http://127.0.0.1:${port}/`);
      const tried = await page.evaluate(async (origin) => {
        const path = `${origin}/nixfleet.dispatch.v1.TrustService/RevokeHost`;
        const body = '{"hostname":"web-01"}';
        const json = { "content-type": "application/json" };
        const call = fetch(path, { method: "POST", body, headers: json, credentials: "include" });
        const blind = fetch(path, { method: "POST", body, mode: "no-cors", credentials: "include" });
        const called = await call.then(
          () => "answered",
          () => "refused",
        );
        await blind.catch(() => undefined);
        return called;
      }, dashboard.origin);
      expect(tried).toBe("refused");
      await expect(page.addScriptTag({ url: `${dashboard.origin}/theme.js` })).rejects.toThrow();
      expect((await operator.trust.listRevocations({})).revocations).toEqual([]);
    } finally {
      await page.close();
      evil.close();
    }
  });
});
