import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { HttpClient } from "../support/client.js";
import { Scrape } from "../support/metrics.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { newDispatches, operatorOf } from "./operator.js";

let pki: TestPki;
let server: TestServer;
const start = () => TestServer.start(pki, { db: pki.path("kept/dispatch.db"), flags: ["--log-level", "debug"] });
beforeAll(async () => {
  pki = await TestPki.create();
  server = await start();
});
afterAll(async () => {
  if (!server.hasExited) await server.stop();
  pki.remove();
});

const headers = { "user-agent": "nixfleet-agent/1.2.3" };

async function reportOf(hostname: string) {
  const { hosts } = await operatorOf(server, pki).queue.listHosts({ hostname });
  return hosts[0];
}

describe("what is known of a host", () => {
  test("all of it, while its poll is parked", async () => {
    const agent = new HttpClient(server, pki, await pki.agent("web-01"));
    const { queue } = operatorOf(server, pki);
    await queue.enqueueDispatches({ dispatches: newDispatches(["web-01"], "stable@aa") });
    expect((await agent.poll("?wait=0", { headers })).status).toBe(200);
    await queue.enqueueDispatches({
      dispatches: newDispatches(["web-01"], "later@bb").map((dispatch) => ({
        ...dispatch,
        notBefore: { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600) },
      })),
    });
    agent.poll("?wait=60", { headers }).catch(() => undefined);
    await untilParked(server, "web-01");
    const report = await reportOf("web-01");
    expect(report?.presence).toMatchObject({
      hostname: "web-01",
      address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
      wire: "http",
      agentVersion: "nixfleet-agent/1.2.3",
      parkedPolls: 1,
    });
    const nowSeconds = Date.now() / 1_000;
    expect(Math.abs(Number(report?.presence?.lastSeenAt?.seconds) - nowSeconds)).toBeLessThan(60);
    expect(Math.abs(Number(report?.presence?.parkedSince?.seconds) - nowSeconds)).toBeLessThan(60);
    expect(Math.round((Number(report?.presence?.certificateNotAfter?.seconds) - nowSeconds) / 86_400)).toBe(2);
    expect(report).toMatchObject({ pending: 1, lastRolloutId: "stable@aa", lastState: DispatchState.DELIVERED });
  });

  test.each(["SIGTERM", "SIGKILL"] as const)("survives a %s, but for what was only true then", async (signal) => {
    // Written a little after it was seen.
    await expect.poll(async () => (await reportOf("web-01"))?.presence?.agentVersion).toBe("nixfleet-agent/1.2.3");
    const before = await reportOf("web-01");
    if (signal === "SIGKILL") {
      await new HttpClient(server, pki, await pki.agent("web-02")).poll("?wait=0", { headers });
      await expect.poll(async () => noted()).toBeGreaterThan(0);
    }
    server.kill(signal);
    await server.exited();
    server = await start();
    const after = await reportOf("web-01");
    expect(after?.presence).toMatchObject({ parkedPolls: 0 });
    expect(after?.presence?.parkedSince).toBeUndefined();
    for (const field of ["address", "wire", "agentVersion", "certificateNotAfter"] as const) {
      expect(after?.presence?.[field]).toEqual(before?.presence?.[field]);
    }
    expect([after?.pending, after?.lastRolloutId]).toEqual([1, "stable@aa"]);
    if (signal === "SIGKILL") expect((await reportOf("web-02"))?.presence?.agentVersion).toBe("nixfleet-agent/1.2.3");
  });
});

const noted = async () => (await Scrape.of(server)).count("commit_seconds", { operation: "note" });

test("who was seen is written in batches: 200 polls cost a few transactions", async () => {
  const hosts = await Promise.all(Array.from({ length: 50 }, (_, i) => pki.agent(`many-${i}`)));
  const before = await noted();
  await Promise.all(
    hosts.map(async (identity) => {
      const agent = new HttpClient(server, pki, identity, { keepAlive: true });
      for (let i = 0; i < 4; i += 1) expect((await agent.poll("?wait=0", { headers })).status).toBe(204);
      agent.close();
    }),
  );
  const names = async () =>
    (await operatorOf(server, pki).queue.listHosts({ hostnamePrefix: "many-" })).hosts.filter(
      ({ presence }) => presence?.wire === "http",
    ).length;
  await expect.poll(names).toBe(50);
  const transactions = (await noted()) - before;
  expect(transactions).toBeGreaterThan(0);
  expect(transactions).toBeLessThan(40);
});
