import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { Later } from "../../src/dispatch/later.js";

const failure = new Error("it went wrong");

/** What a reader has heard, in order. */
function listen<T>(later: PromiseLike<T>): string[] {
  const heard: string[] = [];
  later.then(
    (value) => heard.push(`value ${value}`),
    (reason: unknown) => heard.push(reason instanceof Error ? reason.message : "not an error"),
  );
  return heard;
}

describe("what comes later", () => {
  it("reaches its reader at once", () => {
    const later = new Later<number>();
    const heard = listen(later);
    later.resolve(7);
    expect(heard).toEqual(["value 7"]);
  });

  it("reaches a reader that comes after it", () => {
    const later = new Later<number>();
    later.resolve(7);
    expect(listen(later)).toEqual(["value 7"]);
    expect(listen(Later.rejected(failure))).toEqual(["it went wrong"]);
  });

  it("can be awaited, both ways", async () => {
    const later = new Later<number>();
    const awaited = (async () => await later)();
    later.resolve(7);
    expect(await awaited).toBe(7);
    await expect((async () => await Later.rejected(failure))()).rejects.toBe(failure);
  });

  it("refuses a second reader, which would wait for good", () => {
    const later = new Later<number>();
    const heard = listen(later);
    expect(() => listen(later)).toThrow("it has a reader");
    later.resolve(7);
    expect(() => listen(later)).toThrow("it has a reader");
    const early = new Later<number>();
    early.resolve(8);
    listen(early);
    expect(() => listen(early)).toThrow("it has a reader");
    expect(heard).toEqual(["value 7"]);
  });

  it("goes through every step, and what a step throws is the next one's", () => {
    const later = new Later<number>();
    const heard = listen(
      later
        .then((value) => value + 1)
        .then((value) => `${value}`)
        .then((text) => {
          throw new Error(`no use for ${text}`);
        }),
    );
    later.resolve(7);
    expect(heard).toEqual(["no use for 8"]);
  });

  it("passes an error by steps that have no use for it, to the first that has", () => {
    const later = new Later<number>();
    const heard = listen(
      later
        .then((value) => value + 1)
        .then(undefined, () => 0)
        .then(undefined, () => 1),
    );
    later.reject(failure);
    expect(heard).toEqual(["value 0"]);
  });

  it("waits for a step that makes a promise", async () => {
    const later = new Later<number>();
    const step = later.then((value) => Promise.resolve(value + 1));
    later.resolve(7);
    expect(await step).toBe(8);
    const failed = Later.rejected(failure).then(undefined, () => Promise.reject(new Error("again")));
    await expect((async () => await failed)()).rejects.toThrow("again");
  });

  it("does not pass over a failure that nobody reads, and that of no other", async () => {
    const unhandled = vi.spyOn(Promise, "reject").mockImplementation(() => new Promise(() => undefined));
    const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
    listen(Later.rejected(failure));
    const read = Later.rejected(failure);
    await (async () => await read)().catch(() => undefined);
    await nextTurn();
    expect(unhandled).not.toHaveBeenCalled();
    new Later<number>().reject(failure);
    new Later<number>().resolve(7);
    const thrower = new Later<number>();
    thrower.then(() => {
      throw new Error("in the last step");
    });
    thrower.resolve(7);
    await nextTurn();
    expect(unhandled.mock.calls).toEqual([[failure], [new Error("in the last step")]]);
    unhandled.mockRestore();
  });

  it("keeps nothing of what it has handed on", async () => {
    const later = new Later<object>();
    const steps = later.then((value) => value);
    steps.then(() => undefined);
    expect(await isKept(later)).toBe(false);
    expect([later, steps]).toHaveLength(2);
  });

  it("keeps what nobody has read yet: what the test before looks at can be kept", async () => {
    const later = new Later<object>();
    expect(await isKept(later)).toBe(true);
    expect(later).toBeInstanceOf(Later);
  });
});

/** Whether an object is still there once it has come. */
async function isKept(later: Later<object>): Promise<boolean> {
  const kept = resolvedWithOne(later);
  // A WeakRef holds what it was asked for until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return kept.deref() !== undefined;
}

function resolvedWithOne(later: Later<object>): WeakRef<object> {
  const value = { text: "a dispatch" };
  later.resolve(value);
  return new WeakRef(value);
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  if (typeof gc !== "function") throw new Error("V8 gives no collector");
  gc();
}
