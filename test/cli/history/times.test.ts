import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServerClock } from "../../../src/cli/history/server-clock.js";
import { tellingFor } from "../../../src/cli/history/telling.js";
import { type Instant, instantFromMicros, instantToMs } from "../../../src/dispatch/instant.js";
import { exactTime, localTime, utcTime } from "../../../src/words/times.js";
import { recordingIo } from "../recording-io.js";

function micros(time: string, more = 0): Instant {
  const instant = instantFromMicros(Date.parse(time) * 1_000 + more);
  if (instant === undefined) throw new RangeError(time);
  return instant;
}

describe("an instant", () => {
  const summer = micros("2026-05-16T01:27:00.123Z", 456);
  const before = process.env.TZ;
  beforeEach(() => {
    process.env.TZ = "America/St_Johns";
  });
  afterEach(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });

  test("is shown by the clock on the wall, with that day's distance from UTC", () => {
    expect(localTime.fine(summer)).toBe("2026-05-15 22:57:00.123-02:30");
    expect(localTime.plain(summer)).toBe("2026-05-15 22:57:00-02:30");
    expect(localTime.plain(micros("2026-12-01T00:00:00Z"))).toBe("2026-11-30 20:30:00-03:30");
    process.env.TZ = "Asia/Kathmandu";
    expect(localTime.plain(summer)).toBe("2026-05-16 07:12:00+05:45");
    process.env.TZ = "UTC";
    expect(localTime.plain(summer)).toBe("2026-05-16 01:27:00Z");
  });

  test("is shown in UTC", () => {
    expect(utcTime.fine(summer)).toBe("2026-05-16 01:27:00.123Z");
  });

  test("is written for programs by RFC 3339, to the microsecond", () => {
    expect(exactTime.plain(summer)).toBe("2026-05-16T01:27:00.123456Z");
    expect(exactTime.fine(micros("2026-05-16T01:27:00Z"))).toBe("2026-05-16T01:27:00Z");
  });
});

describe("what time it is", () => {
  const clockAhead = (aheadMs: number) => {
    const clock = new ServerClock();
    clock.onHeader(new Headers({ date: new Date(Date.now() + aheadMs).toUTCString() }));
    return clock;
  };

  test("is what this machine says, if the server says about the same or nothing", () => {
    expect(clockAhead(0).aheadMs).toBe(0);
    expect(clockAhead(-900).aheadMs).toBe(0);
    const clock = new ServerClock();
    clock.onHeader(new Headers());
    clock.onHeader(new Headers({ date: "yesterday" }));
    expect(clock.aheadMs).toBe(0);
  });

  test("is what the server says, where the two differ, and the operator is told", () => {
    const clock = clockAhead(3_600_000);
    expect(Math.abs(instantToMs(clock.now()) - Date.now() - 3_600_000)).toBeLessThan(5_000);
    const { io, printed } = recordingIo();
    tellingFor(clock, true, io);
    expect(printed().stderr).toMatch(
      /^warning: the server's clock is (1 h|59 m \d+ s|1 h 0 m) ahead of this machine's; /,
    );
    tellingFor(clockAhead(-600_000), true, io);
    expect(printed().stderr).toMatch(/ behind this machine's; /);
    tellingFor(clockAhead(0), true, io);
    expect(printed().stderr).toBe("");
  });
});
