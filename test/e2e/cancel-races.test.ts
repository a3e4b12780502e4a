import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "./support/client.js";
import { takenIn } from "./support/lease.js";
import { TestPki } from "./support/pki.js";
import { TestServer } from "./support/server.js";

/**
 * An operator's cancellation against an agent's take, over the wire, for so many hosts at once and so often. Either one may
 * win; what each is told has to agree with what the other is told, and with what the server says afterwards.
 */
const hosts = 50;
const races = 10_000;

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

interface Tally {
  cancelled: number;
  delivered: number;
  /** Told to both, or to none, or not what the server says. */
  readonly untrue: string[];
}

interface Told {
  readonly outcome: string;
  readonly state: string;
}

async function race(server: TestServer, total: number): Promise<Tally> {
  const tally: Tally = { cancelled: 0, delivered: 0, untrue: [] };
  const operator = new HttpClient(server, pki, pki.operator, { keepAlive: true });
  const racers = await Promise.all(
    Array.from({ length: hosts }, async (_, i) => {
      const hostname = `web-${i}`;
      const agent = new HttpClient(server, pki, await pki.agent(hostname), { keepAlive: true });
      return { hostname, agent, rival: new HttpClient(server, pki, pki.operator, { keepAlive: true }) };
    }),
  );
  for (let round = 0; round * hosts < total; round += 1) {
    const rollout_id = `stable@${round.toString(16)}`;
    await operator.enqueue(...racers.map(({ hostname }) => wireDispatch(hostname, { rollout_id })));
    const results = racers.map(async ({ hostname, agent, rival }) => {
      const [taken, cancelled] = await inAnyOrder(
        () => agent.poll("?wait=0"),
        () => rival.post("/v1/dispatches/cancel", { hostname, rollout_id }),
      );
      return { hostname, isTaken: takenIn(taken) !== undefined, told: JSON.parse(cancelled.body).results[0] };
    });
    const states = await statesOf(operator, rollout_id, results);
    for (const { hostname, isTaken, told } of await Promise.all(results)) {
      judge(tally, { isTaken, told, state: states.get(hostname) ?? "" });
    }
  }
  for (const { agent, rival } of racers) for (const client of [agent, rival]) client.close();
  operator.close();
  return tally;
}

/** Both at once; which of them is sent first is a matter of luck, and so is how much later the other is. */
async function inAnyOrder<A, B>(a: () => Promise<A>, b: () => Promise<B>): Promise<[A, B]> {
  const later = async () => {
    for (let turns = Math.floor(Math.random() * 3); turns > 0; turns -= 1) await new Promise(setImmediate);
  };
  if (Math.random() < 0.5) {
    const first = a();
    await later();
    return Promise.all([first, b()]);
  }
  const first = b();
  await later();
  return Promise.all([a(), first]);
}

/** What the server says of the round, once it is over. */
async function statesOf(operator: HttpClient, rolloutId: string, results: readonly Promise<unknown>[]) {
  await Promise.all(results);
  const { body } = await operator.ask(`/v1/dispatches?rollout_id=${rolloutId}&page_size=${hosts}`);
  const rows: { hostname: string; state: string }[] = JSON.parse(body).dispatches;
  return new Map(rows.map(({ hostname, state }) => [hostname, state]));
}

function judge(
  tally: Tally,
  { isTaken, told, state }: { isTaken: boolean; told: Told | undefined; state: string },
): void {
  const story = `${isTaken ? "taken" : "not taken"}, ${told?.outcome} ${told?.state}, ${state}`;
  if (story === "taken, CANCEL_OUTCOME_TOO_LATE DISPATCH_STATE_DELIVERED, DISPATCH_STATE_DELIVERED")
    tally.delivered += 1;
  else if (story === "not taken, CANCEL_OUTCOME_CANCELLED DISPATCH_STATE_CANCELLED, DISPATCH_STATE_CANCELLED") {
    tally.cancelled += 1;
  } else tally.untrue.push(story);
}

test(`${races} races of a cancellation against a take: exactly one wins, and both are told the truth`, async () => {
  const server = await TestServer.start(pki, { flags: ["--log-level", "warn"] });
  const { cancelled, delivered, untrue } = await race(server, races);
  expect(untrue).toEqual([]);
  expect(cancelled + delivered).toBe(races);
  // Both of them can win, else there was no race.
  expect(Math.min(cancelled, delivered)).toBeGreaterThan(races / 100);
  await server.stop();
}, 300_000);

test("control: a server that says cancelled whatever it is, is found out", async () => {
  const preload = pathToFileURL("test/torture/sabotage.mjs").href;
  const env = { NODE_OPTIONS: `--import ${preload}`, SABOTAGE: "says cancelled whatever it is" };
  const server = await TestServer.start(pki, { flags: ["--log-level", "warn"], env });
  expect((await race(server, 500)).untrue.length).toBeGreaterThan(0);
  await server.stop();
});
