import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issue } from "../../../src/pki/issue.js";
import { operatorProfile } from "../../../src/pki/profile.js";
import { otherCa, TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { goodFlags, type Refusal, refusedStart, wordsOf } from "../support/start.js";

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

/** `serve` with one certificate or key file of other contents. */
async function startWith(flag: string, contents: string): Promise<Refusal & { path: string }> {
  const path = pki.path(`${flag}.spoilt`);
  writeFileSync(path, contents, { mode: 0o600 });
  return { ...(await refusedStart({ flags: { ...goodFlags(pki), [flag]: path } })), path };
}

const noCertificate = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";

describe("a certificate file that cannot work ends the start", () => {
  test.each(["tls-cert", "tls-key", "client-ca", "operator-ca", "revocations"])(
    "--%s names no file: the flag and the path are named",
    async (flag) => {
      const path = pki.path("nowhere.pem");
      const { code, error } = await refusedStart({ flags: { ...goodFlags(pki), [flag]: path } });
      expect([code, error]).toEqual([2, `--${flag}: must name a file that exists, not "${path}"`]);
    },
  );

  test("--tls-cert names a folder", async () => {
    const { code, error } = await refusedStart({ flags: { ...goodFlags(pki), "tls-cert": pki.folder } });
    expect([code, error]).toEqual([2, `--tls-cert: must name a file, not a folder, not "${pki.folder}"`]);
  });

  test.each(["tls-cert", "client-ca", "operator-ca"])("--%s without a PEM block", async (flag) => {
    const { code, error, path } = await startWith(flag, "certainly not\n");
    expect(code).toBe(1);
    expect(error).toBe(`${path} is not a certificate in PEM: there is no BEGIN CERTIFICATE block in it`);
  });

  test.each(["tls-cert", "client-ca", "operator-ca"])("--%s with a PEM block that is no certificate", async (flag) => {
    const { code, error, path } = await startWith(flag, noCertificate);
    expect(code).toBe(1);
    expect(error).toMatch(new RegExp(`^${path} is not a certificate in PEM: `));
  });

  test("a certificate that was cut off in the middle", async () => {
    const { code, error, path } = await startWith("tls-cert", pki.server.certPem.slice(0, 300));
    expect([code, error.startsWith(`${path} is not a certificate in PEM: `)]).toEqual([1, true]);
  });

  test.each([
    ["a text", "not a key"],
    ["an empty file", ""],
    ["a certificate", noCertificate],
  ])("%s as --tls-key: the way out is named, the contents are not quoted", async (_, contents) => {
    const { code, error, path } = await startWith("tls-key", contents);
    expect(code).toBe(1);
    expect(error).toBe(
      `${path} is not a private key in PEM, or it is encrypted; it must be a plain one with mode 0600`,
    );
  });

  test("the key of another certificate: both files are named", async () => {
    const { code, error, path } = await startWith("tls-key", pki.operator.keyPem);
    expect(code).toBe(1);
    expect(error).toBe(`${path} is not the key of ${pki.path("server.crt")}. Name the pair that was made together.`);
  });
});

describe("--operator-ca", () => {
  test.each(["the same file", "a bundle with the same CA in it"])(
    "%s as --client-ca is refused, since every agent would be an operator",
    async (which) => {
      const bundle = `${(await otherCa()).certPem}${pki.ca.certPem}`;
      const { code, error, path } = await startWith("operator-ca", which === "the same file" ? pki.ca.certPem : bundle);
      expect(code).toBe(1);
      expect(error).toBe(
        `${path} and ${pki.path("ca.crt")} have a CA in common, which would make an operator of every agent. Give operators a CA of their own, or leave out --operator-ca.`,
      );
    },
  );
});

describe("a start that is only doubtful is warned about", () => {
  test("a private key that others can read", async () => {
    const loose = pki.write("loose", pki.server);
    chmodSync(`${loose}.key`, 0o644);
    const server = await TestServer.start(pki, { flags: ["--tls-key", `${loose}.key`] });
    const line = await server.logged(({ msg }) => String(msg).includes("others on this machine can read"));
    expect(line).toMatchObject({ level: 40, path: `${loose}.key`, mode: "644" });
    expect(String(line.msg)).toContain("chmod 600");
    await server.stop();
  });

  test("a private key that its owner alone can read is not", async () => {
    const server = await TestServer.start(pki);
    await server.logged(({ msg }) => msg === "listening");
    expect(server.log.filter(({ level }) => level !== 30)).toEqual([]);
    await server.stop();
  });

  test.each([
    ["has expired", -10, -1],
    ["is not valid yet", 1, 10],
  ])("a certificate that %s", async (trouble, fromDays, toDays) => {
    const day = (days: number): Date => new Date(Date.now() + days * 86_400_000);
    const odd = await issue(
      {
        ...operatorProfile("x", { now: new Date(), days: 1 }),
        names: ["localhost"],
        purposes: ["serverAuth"],
        notBefore: day(fromDays),
        notAfter: day(toDays),
      },
      pki.ca,
    );
    const path = pki.write("dated", odd);
    const server = await TestServer.start(pki, { flags: ["--tls-cert", `${path}.crt`, "--tls-key", `${path}.key`] });
    const line = await server.logged(({ level }) => level === 40);
    expect(line).toMatchObject({ path: `${path}.crt`, msg: expect.stringContaining(trouble) });
    await server.stop();
  });

  test("no --client-ca: every call will be answered with 401", async () => {
    const { "client-ca": _, ...flags } = goodFlags(pki);
    const server = await TestServer.serve([...wordsOf(flags), "--json"]);
    const line = await server.logged(({ level }) => level === 40);
    expect(line.msg).toContain("401");
    await server.stop();
  });
});
