import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wireDispatch } from "../support/client.js";
import { projectRoot, runCommand } from "../support/command.js";
import { TestPki } from "../support/pki.js";
import { type Finished, TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;

beforeAll(async () => {
  pki = await TestPki.create();
  for (const id of ["web-01", "web-02"]) pki.write(id, await pki.agent(id));
  server = await TestServer.start(pki);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

interface BufCall {
  readonly protocol: string;
  /** Name of the certificate's files, or "nobody". */
  readonly who: string;
  readonly requestId?: string;
}

function bufCurl({ protocol, who, requestId = "" }: BufCall, method: string, request: unknown): Promise<Finished> {
  const identity = who === "nobody" ? [] : ["--cert", pki.path(`${who}.crt`), "--key", pki.path(`${who}.key`)];
  const named = requestId === "" ? [] : ["--header", `X-Request-Id: ${requestId}`];
  const flags = ["--schema", ".", "--protocol", protocol, "--cacert", pki.path("ca.crt"), ...identity, ...named];
  const url = `${server.url}/nixfleet.dispatch.v1.${method}`;
  return runCommand(join(projectRoot, "node_modules/.bin/buf"), [
    "curl",
    ...flags,
    "--data",
    JSON.stringify(request),
    url,
  ]);
}

/** What `buf curl` prints of an error, on whichever wire it came. */
function errorIn({ code, stderr }: Finished): { code: string; message: string } {
  expect(code).not.toBe(0);
  return JSON.parse(stderr);
}

describe.each([
  ["connect", "connect"],
  ["grpc", "grpc"],
  ["grpcweb", "grpc-web"],
])("buf curl, protocol %s", (protocol, wire) => {
  const agent = { protocol, who: "web-01" };
  const operator = { protocol, who: "operator" };

  test("an enqueue, a take, and an empty take, each logged with its wire", async () => {
    const enqueued = await bufCurl(operator, "QueueService/EnqueueDispatches", {
      dispatches: [wireDispatch("web-01")],
    });
    expect([enqueued.code, enqueued.stderr]).toEqual([0, ""]);
    expect(JSON.parse(enqueued.stdout).results).toEqual([
      { hostname: "web-01", rolloutId: "stable@a1b2c3d4", outcome: "ENQUEUE_OUTCOME_CREATED" },
    ]);

    const requestId = `take-${protocol}`;
    const taken = await bufCurl({ ...agent, requestId }, "AgentService/TakeDispatch", { wait: 60 });
    expect([taken.code, taken.stderr]).toEqual([0, ""]);
    const { hostname, target_closure: targetClosure } = wireDispatch("web-01");
    const soakDueAt = "2026-05-16T01:30:00Z";
    expect(JSON.parse(taken.stdout).dispatch).toMatchObject({ hostname, targetClosure, soakDueAt });
    const line = await server.logged((each) => each.msg === "request" && each.requestId === requestId);
    expect(line).toMatchObject({ wire, machineId: "web-01", outcome: "ok", rolloutId: "stable@a1b2c3d4" });

    const empty = await bufCurl(agent, "AgentService/TakeDispatch", { wait: 0 });
    expect([empty.code, JSON.parse(empty.stdout)]).toEqual([0, {}]);
  });

  test("no certificate: unauthenticated", async () => {
    const call = { protocol, who: "nobody", requestId: `nobody-${protocol}` };
    const refused = await bufCurl(call, "AgentService/TakeDispatch", { wait: 0 });
    expect(errorIn(refused)).toEqual({ code: "unauthenticated", message: "a client certificate is needed" });
    const line = await server.logged((each) => each.msg === "request" && each.requestId === call.requestId);
    expect(line).toMatchObject({ wire, outcome: "unauthenticated" });
  });

  test("an agent that enqueues, an operator that takes, another host's name: permission_denied", async () => {
    const refused = await Promise.all([
      bufCurl(agent, "QueueService/EnqueueDispatches", { dispatches: [wireDispatch("web-01")] }),
      bufCurl(operator, "AgentService/TakeDispatch", { wait: 0 }),
      bufCurl(agent, "AgentService/TakeDispatch", { wait: 0, hostname: "web-02" }),
    ]);
    expect(refused.map((each) => errorIn(each).code)).toEqual(Array(3).fill("permission_denied"));
  });

  test("a dispatch that breaks a rule: invalid_argument, naming item, field and rule", async () => {
    const dispatches = [wireDispatch("web-01"), wireDispatch("web-01", { rollout_id: "stable" })];
    const { code, message } = errorIn(await bufCurl(operator, "QueueService/EnqueueDispatches", { dispatches }));
    expect([code, message]).toEqual(["invalid_argument", expect.stringMatching(/^dispatches\[1\]\.rollout_id: must /)]);
  });
});
