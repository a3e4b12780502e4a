import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/config/usage-error.js";
import { initCa, issueAgent, issueOperator, issueServer } from "../../src/pki/authority.js";
import { temporaryFolder, writeIn } from "../config/places.js";

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const usageError = async (work: Promise<unknown>): Promise<UsageError> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof UsageError) return thrown;
  throw new Error("no mistake was noticed", { cause: thrown });
};

describe("files", () => {
  test("lie in a folder, and are readable, for their owner only", async () => {
    const folder = join(temporaryFolder(), "made/here");
    await initCa(folder);
    await issueAgent(folder, "web-01", "fleet.lab.internal");
    await issueOperator(folder, "alice");
    await issueServer(folder, ["::1", "localhost"]);
    expect(readdirSync(folder).sort()).toEqual([
      "agent-web-01.crt",
      "agent-web-01.key",
      "ca.crt",
      "ca.key",
      "operator-alice.crt",
      "operator-alice.key",
      "server-__1.crt",
      "server-__1.key",
    ]);
    expect(modeOf(folder)).toBe(0o700);
    expect(readdirSync(folder).map((name) => modeOf(join(folder, name)))).toEqual(Array(8).fill(0o600));
  });
});

describe("an existing file", () => {
  test("of an authority is never replaced, and the error names it and the way out", async () => {
    const folder = temporaryFolder();
    const { cert, key } = await initCa(folder);
    const before = [readFileSync(cert, "utf8"), readFileSync(key, "utf8")];
    const error = await usageError(initCa(folder));
    expect(error.message).toBe(`${cert} exists already`);
    expect(error.hint).toContain("choose another folder");
    expect([readFileSync(cert, "utf8"), readFileSync(key, "utf8")]).toEqual(before);
  });

  test("of an authority is not replaced either when only its key is left", async () => {
    const folder = temporaryFolder();
    const key = writeIn(folder, "ca.key", "precious");
    expect((await usageError(initCa(folder))).message).toBe(`${key} exists already`);
    expect(readdirSync(folder)).toEqual(["ca.key"]);
    expect(readFileSync(key, "utf8")).toBe("precious");
  });

  test("of a leaf is replaced only when that is asked for", async () => {
    const folder = temporaryFolder();
    await initCa(folder);
    const { cert, key } = await issueOperator(folder, "alice");
    const first = readFileSync(cert, "utf8");
    const error = await usageError(issueOperator(folder, "alice"));
    expect(error.message).toBe(`${cert} exists already`);
    expect(error.hint).toContain("--force");
    expect(readFileSync(cert, "utf8")).toBe(first);
    await issueOperator(folder, "alice", { replace: true });
    expect(readFileSync(cert, "utf8")).not.toBe(first);
    expect(modeOf(key)).toBe(0o600);
  });

  test("of one of two authorities made at once survives: one of them is told", async () => {
    const folder = temporaryFolder();
    const results = await Promise.allSettled([initCa(folder), initCa(folder)]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(readdirSync(folder).sort()).toEqual(["ca.crt", "ca.key"]);
    const authority = new X509Certificate(readFileSync(join(folder, "ca.crt")));
    expect(authority.verify(authority.publicKey)).toBe(true);
  });
});

describe("a leaf", () => {
  test("needs an authority, and the error tells how to make one", async () => {
    const error = await usageError(issueAgent(temporaryFolder(), "web-01", "fleet.lab.internal"));
    expect(error.message).toContain("holds no CA");
    expect(error.hint).toContain("nixfleet-dispatch pki init");
  });

  test("does not outlive its authority", async () => {
    const folder = temporaryFolder();
    const { notAfter } = await initCa(folder, { days: 10 });
    expect((await issueOperator(folder, "alice")).notAfter).toEqual(notAfter);
    expect((await issueOperator(folder, "bob", { days: 9 })).notAfter < notAfter).toBe(true);
  });

  test("is not made by an authority that has expired", async () => {
    const folder = temporaryFolder();
    await initCa(folder, { days: 1, now: new Date("2020-01-01T00:00:00Z") });
    expect((await usageError(issueOperator(folder, "alice"))).message).toMatch(/ca\.crt has expired$/);
  });

  test.each([
    ["a certificate that is none", "ca.crt"],
    ["a key that is none", "ca.key"],
  ])("is not made by an authority with %s, and the error names the files", async (_, name) => {
    const folder = temporaryFolder();
    const { cert, key } = await initCa(folder);
    writeIn(folder, name, "damaged");
    const { message } = await usageError(issueOperator(folder, "alice"));
    expect(message).toBe(`${cert} and ${key} are no certificate and its key`);
  });

  test("is not made by an authority whose key is another's", async () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    await initCa(folder);
    writeIn(folder, "ca.key", readFileSync((await initCa(other)).key, "utf8"));
    expect((await usageError(issueOperator(folder, "alice"))).message).toContain("are no certificate and its key");
  });

  test.each([0, -1, 1.5, 3651, Number.NaN])("is not valid for %d days", async (days) => {
    const folder = temporaryFolder();
    expect((await usageError(initCa(folder, { days }))).message).toContain("from 1 to 3650");
  });
});
