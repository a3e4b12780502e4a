// Loaded before the built program, it has the wall clock stand as many seconds ahead as the file WALL_CLOCK says. With
// MONOTONIC=moves the other clock goes along, as a program would see it that measured waits by the wall.
import { readFileSync } from "node:fs";

const aheadMs = () => Number(readFileSync(process.env.WALL_CLOCK, "utf8")) * 1_000;

const RealDate = Date;
const realNow = Date.now;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(realNow() + aheadMs());
    else super(...args);
  }

  static now() {
    return realNow() + aheadMs();
  }
};

if (process.env.MONOTONIC === "moves") {
  const { bigint } = process.hrtime;
  process.hrtime.bigint = () => bigint() + BigInt(aheadMs()) * 1_000_000n;
}
