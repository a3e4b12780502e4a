import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { answersIn, Tracer, whyNoTracer } from "./system-calls.js";

const whyNot = whyNoTracer();
if (whyNot !== undefined)
  console.warn(`no system calls can be traced here (${whyNot}): the order of fsync and answer was not tested`);

const enqueues = 20;

describe.runIf(whyNot === undefined)("the answer to an enqueue", () => {
  let pki: TestPki;
  beforeAll(async () => {
    pki = await TestPki.create();
  });
  afterAll(() => pki.remove());

  async function answersOf(env: Readonly<Record<string, string>>): Promise<ReturnType<typeof answersIn>> {
    const server = await TestServer.start(pki, { env });
    const operator = new HttpClient(server, pki, pki.operator, { keepAlive: true });
    const tracer = await Tracer.attach(server.pid, pki.path("trace"));
    for (let i = 0; i < enqueues; i += 1) {
      const { status } = await operator.enqueue(wireDispatch("web-01", { rollout_id: `stable@${i}` }));
      expect(status).toBe(200);
    }
    const answers = answersIn(await tracer.detach(), server.port);
    operator.close();
    await server.stop();
    return answers;
  }

  test("leaves after its fsync, each of them", async () => {
    expect(await answersOf({})).toEqual({ afterSync: enqueues, beforeSync: 0 });
  });

  test("control: without fsync (synchronous=OFF) the same look finds that they left before it", async () => {
    const preload = pathToFileURL("test/e2e/durability/no-sync.mjs").href;
    expect(await answersOf({ NODE_OPTIONS: `--import ${preload}` })).toEqual({ afterSync: 0, beforeSync: enqueues });
  });
});
