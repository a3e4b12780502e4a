import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxLineBytes, textLines } from "../../src/cli/text-lines.js";

async function read(...chunks: (Buffer | string)[]) {
  return collect(textLines(toAsync(chunks)));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function* toAsync<T>(items: readonly T[]) {
  yield* items;
}

describe("textLines", () => {
  test("counts blank lines without giving them", async () => {
    expect(await read("\n \t\r\n{}\r\n\n[]")).toEqual([
      { number: 3, text: "{}", endByte: 9 },
      { number: 5, text: "[]", endByte: 12 },
    ]);
  });

  test("gives the same lines however the bytes are cut", async () => {
    const bytes = Buffer.from("erste Zeile äöü\n\n第二行\nlast");
    const whole = await read(bytes);
    expect(whole.map(({ text }) => text)).toEqual(["erste Zeile äöü", "第二行", "last"]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
        const ends = [...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
        expect(await read(...pieces)).toEqual(whole);
      }),
    );
  });

  test("gives nothing for an empty file", async () => {
    expect(await read()).toEqual([]);
    expect(await read("")).toEqual([]);
  });

  test("ignores a byte order mark", async () => {
    expect(await read("\ufeff{}\n")).toMatchObject([{ number: 1, text: "{}" }]);
  });

  test("refuses a line that is too long before it has all of it", async () => {
    let chunks = 0;
    const endless = async function* () {
      yield "{}\n";
      for (;;) {
        chunks += 1;
        yield Buffer.alloc(1024, "a");
      }
    };
    await expect(collect(textLines(endless()))).rejects.toThrow(`line 2: has more than ${maxLineBytes} bytes`);
    expect(chunks).toBe(maxLineBytes / 1024 + 1);
  });

  test("refuses what is no UTF-8, by line", async () => {
    await expect(read("{}\n", Buffer.from([0xff, 0x0a]))).rejects.toThrow("line 2: is not UTF-8");
  });
});
