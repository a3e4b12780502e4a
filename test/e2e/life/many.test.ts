import { afterAll, beforeAll, expect, test } from "vitest";
import { connectHttp2, pollHttp2 } from "../support/http2.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

const hosts = ["web-0", "web-1", "web-2", "web-3", "web-4"];
const connectionsPerHost = 10;
const pollsPerConnection = 100;
const parkedPolls = hosts.length * connectionsPerHost * pollsPerConnection;

let pki: TestPki;
let server: TestServer;
beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, {
    flags: ["--polls-per-host", "1000", "--drain-timeout", "15s", "--log-level", "debug"],
  });
});
afterAll(() => pki.remove());

test("5,000 parked polls get their 503 and the exit is 0 within 15 s, before the drain timeout", async () => {
  const identities = await Promise.all(hosts.map((host) => pki.agent(host)));
  const owners = identities.flatMap((identity) => Array<typeof identity>(connectionsPerHost).fill(identity));
  const sessions = await Promise.all(owners.map((identity) => connectHttp2(server, pki, identity)));
  const polls = sessions.flatMap((session) => Array.from({ length: pollsPerConnection }, () => pollHttp2(session)));
  let parked = 0;
  await server.logged(({ msg }) => {
    if (msg === "parked") parked += 1;
    return parked === parkedPolls;
  });
  const exit = server.stop();
  const answers = await Promise.all(polls);
  expect(await exit).toBe(0);
  // The drain timeout is those 15 s: an exit that did not need it was within them.
  expect(server.log.filter(({ msg }) => String(msg).startsWith("drain timeout"))).toEqual([]);
  expect(answers).toHaveLength(parkedPolls);
  expect(answers.filter((answer) => answer[":status"] !== 503)).toEqual([]);
  // Spread evenly over ten values, so none of them is far from a tenth of the fleet.
  const seconds = answers.map((answer) => Number(answer["retry-after"]));
  const shares = Array.from({ length: 10 }, (_, i) => seconds.filter((value) => value === i + 1).length);
  expect(shares.reduce((sum, share) => sum + share)).toBe(parkedPolls);
  expect(Math.max(...shares)).toBeLessThan(parkedPolls / 5);
});
