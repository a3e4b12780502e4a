import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { PlainHistogram } from "../../src/telemetry/metrics-histogram.js";

const buckets = [0.0005, 0.001, 1, 5];
const about = { name: "seconds_of_work", help: "How long it was.", buckets };
const values = [0, 0.0004, 0.0005, 0.00051, 0.7, 1, 4.999, 5, 5.1, 1e9];

test("a histogram that is counted beside prom-client is written as prom-client writes its own", async () => {
  const [own, theirs] = [new Registry(), new Registry()];
  const plain = new PlainHistogram({ ...about, registers: [own] }).child();
  const real = new Histogram({ ...about, registers: [theirs] });
  expect(await own.metrics()).toBe(await theirs.metrics());
  for (const value of values) {
    plain.observe(value);
    real.observe(value);
    expect(await own.metrics()).toBe(await theirs.metrics());
  }
});

test("so is one with labels, and each of its children counts for itself", async () => {
  const [own, theirs] = [new Registry(), new Registry()];
  const plain = new PlainHistogram({ ...about, labelNames: ["operation"], registers: [own] });
  const real = new Histogram({ ...about, labelNames: ["operation"], registers: [theirs] });
  const children = ["take", "enqueue"].map((operation) => {
    real.zero({ operation });
    return { operation, child: plain.child({ operation }) };
  });
  expect(await own.metrics()).toBe(await theirs.metrics());
  for (const [i, value] of values.entries()) {
    for (const { operation, child } of children.slice(i % 2)) {
      child.observe(value);
      real.observe({ operation }, value);
    }
  }
  expect(await own.metrics()).toBe(await theirs.metrics());
});
