import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadTlsFiles, type TlsPaths } from "../../src/http/tls-files.js";
import { type Issued, issue } from "../../src/pki/issue.js";
import { authorityProfile, serverProfile } from "../../src/pki/profile.js";
import { odd } from "../pki/odd-profiles.js";

const now = new Date();
const validity = { now, days: 2 };
const profile = serverProfile(["localhost"], validity);
let folder: string;
let ca: Issued;
let otherCa: Issued;
let server: Issued;
let warned: string[];
const log = {
  error: () => undefined,
  warn: (_: object, message: string) => void warned.push(message),
  info: () => undefined,
  debug: () => undefined,
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
  ca = await issue(authorityProfile("clients", validity));
  otherCa = await issue(authorityProfile("operators", validity));
  server = await issue(profile, ca);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  warned = [];
});

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function load(changes: Partial<TlsPaths> = {}) {
  const good = {
    cert: file("server.crt", server.certPem),
    key: file("server.key", server.keyPem),
    clientCa: file("ca.crt", ca.certPem),
    operatorCa: undefined,
  };
  return loadTlsFiles({ ...good, ...changes }, log, now.getTime());
}

describe("the server's TLS files", () => {
  test("are read as they are, without a word if all is well", () => {
    expect(load()).toEqual({ cert: server.certPem, key: server.keyPem, clientCa: ca.certPem, operatorCa: undefined });
    expect(warned).toEqual([]);
  });

  test.each(["cert", "key", "clientCa", "operatorCa"] as const)("that are missing are named: %s", (which) => {
    const path = join(folder, "absent.pem");
    expect(() => load({ [which]: path })).toThrow(`${path} cannot be read: ENOENT`);
  });

  test.each(["cert", "clientCa", "operatorCa"] as const)("that hold no certificate are named: %s", (which) => {
    for (const text of ["", "hello", server.keyPem]) {
      const path = file("none.pem", text);
      expect(() => load({ [which]: path })).toThrow(
        `${path} is not a certificate in PEM: there is no BEGIN CERTIFICATE`,
      );
    }
  });

  test("with a damaged certificate among good ones are refused", () => {
    const damaged = ca.certPem + otherCa.certPem.replace(/\n[A-Za-z0-9+/]{8}/, "\nAAAAAAAA");
    const path = file("damaged.crt", damaged);
    expect(() => load({ clientCa: path })).toThrow(`${path} is not a certificate in PEM`);
  });

  test("with something that is no key are refused, and the file is not quoted", () => {
    const path = file("bad.key", server.keyPem.replace(/[A-Za-z0-9+/]{20}/, "SECRETSECRETSECRETSE"));
    expect(() => load({ key: path })).toThrow(`${path} is not a private key in PEM, or it is encrypted`);
    expect(() => load({ key: path })).not.toThrow(/SECRETSECRET/);
  });

  test("that were not made together are refused", () => {
    const path = file("other.key", otherCa.keyPem);
    expect(() => load({ key: path })).toThrow(`${path} is not the key of ${join(folder, "server.crt")}`);
  });

  test("may hold several CAs", () => {
    const both = ca.certPem + otherCa.certPem;
    expect(load({ clientCa: file("both.crt", both) }).clientCa).toBe(both);
  });

  test("with one CA for operators and agents alike are refused", () => {
    const operatorCa = file("both.crt", otherCa.certPem + ca.certPem);
    expect(() => load({ operatorCa })).toThrow("have a CA in common");
    expect(load({ operatorCa: file("operators.crt", otherCa.certPem) }).operatorCa).toBe(otherCa.certPem);
  });

  test("with a certificate that has expired or is not valid yet are warned of, not refused", async () => {
    const expired = await issue(odd.expired(profile), ca);
    load({ cert: file("expired.crt", expired.certPem), key: file("expired.key", expired.keyPem) });
    const early = await issue(odd.notYetValid(profile), ca);
    load({ cert: file("early.crt", early.certPem), key: file("early.key", early.keyPem) });
    expect(warned).toEqual(["the server's certificate has expired", "the server's certificate is not valid yet"]);
  });

  test.each([0o640, 0o604])("with a key that others can read are warned of: %o", (mode) => {
    load({ key: file("open.key", server.keyPem, mode) });
    expect(warned).toEqual(["others on this machine can read the private key; chmod 600 it"]);
  });
});
