import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeEach, describe, expect, test } from "vitest";
import type { Hostname } from "../../src/dispatch/hostname.js";
import { Parking } from "../../src/dispatch/parking.js";
import { Poll } from "../../src/dispatch/poll.js";
import { host, origin } from "../support/dispatches.js";

/** A poll that nobody ends. With something heavy on it, as its request and answer are. */
function pollOf(hostname: string): Poll {
  const ballast = new Array(ballastBytes / 8).fill(0);
  const deaf = () => undefined;
  const leaving = { aborted: false, reason: undefined, addEventListener: deaf, removeEventListener: deaf, ballast };
  const caller = { origin: origin(hostname), leaving, assertAllowed: deaf };
  const owner = { pollEnded: () => undefined };
  return new Poll({ hostname: host(hostname), waitMs: 60_000, terms: { kind: "once" }, caller }, 0, owner);
}

const ballastBytes = 8_192;

describe("the polls of a host", () => {
  let parking: Parking;
  beforeEach(() => {
    parking = new Parking();
  });

  function add(hostname: string): Poll {
    const poll = pollOf(hostname);
    parking.add(poll);
    return poll;
  }

  const web = host("web-01");
  const db = host("db-01");
  const everyone = () => true;

  test("are counted, and so are the hosts", () => {
    add("web-01");
    add("web-01");
    add("db-01");
    expect([parking.size, parking.hostCount, parking.count(web), parking.count(db)]).toEqual([3, 2, 2, 1]);
    expect([...parking.hosts()]).toEqual([web, db]);
  });

  test("come newest first, however many have left before", () => {
    const [first, second, third] = [add("web-01"), add("web-01"), add("web-01")];
    parking.remove(second);
    expect(parking.newestFirst(web, everyone)).toEqual([third, first]);
    parking.remove(first);
    parking.remove(third);
    const fourth = add("web-01");
    expect(parking.newestFirst(web, everyone)).toEqual([fourth]);
  });

  test("leave once: a second time changes nothing", () => {
    const poll = add("web-01");
    add("db-01");
    parking.remove(poll);
    parking.remove(poll);
    expect([parking.size, parking.hostCount, parking.has(web), parking.has(db)]).toEqual([1, 1, false, true]);
  });

  test("are none for a host whose last poll has left, whether or not it has been forgotten", () => {
    parking.remove(add("web-01"));
    const none = [false, 0, [], [], []];
    const seen = () => [
      parking.has(web),
      parking.count(web),
      parking.newestFirst(web, everyone),
      [...parking.hosts()],
      parking.all(),
    ];
    expect(seen()).toEqual(none);
    parking.forgetIdle();
    expect(seen()).toEqual(none);
  });

  test("are kept when the hosts without any are forgotten", () => {
    const poll = add("web-01");
    parking.remove(add("db-01"));
    parking.forgetIdle();
    expect([parking.all(), parking.hostCount]).toEqual([[poll], 1]);
    const again = add("db-01");
    expect([parking.all(), parking.hostCount]).toEqual([[poll, again], 2]);
  });
});

/** The control: a host goes from the Map with its last poll. */
class DeletingParking {
  readonly #byHost = new Map<Hostname, Poll[]>();

  add(poll: Poll): void {
    this.#byHost.set(poll.hostname, [poll]);
  }

  remove({ hostname }: Poll): void {
    this.#byHost.delete(hostname);
  }
}

function collector(): (options: { readonly type: "minor" | "major" }) => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

/** How much of 20 MB of polls, 64 of which come and go at a time, outlives the collections of what is young. */
function keptMegabytes(parking: Pick<Parking, "add" | "remove">): number {
  const collect = collector();
  const comeAndGo = (): void => {
    const polls = Array.from({ length: 64 }, (_, i) => pollOf(`web-${i}`));
    for (const poll of polls) parking.add(poll);
    for (const poll of polls) parking.remove(poll);
  };
  comeAndGo();
  // Twice: what has outlived two collections is old, and so is all there is of the parking.
  collect({ type: "minor" });
  collect({ type: "minor" });
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < 40; round++) {
    comeAndGo();
    if (round % 4 === 0) collect({ type: "minor" });
  }
  collect({ type: "minor" });
  return (process.memoryUsage().heapUsed - before) / 1e6;
}

describe("what polls that have ended leave behind", () => {
  test("is little, before the old are collected", () => {
    expect(keptMegabytes(new Parking())).toBeLessThan(1);
  });

  test("would be much if each host left the Map with its last poll", () => {
    expect(keptMegabytes(new DeletingParking())).toBeGreaterThan(3);
  });
});
