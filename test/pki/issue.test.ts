import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { type Issued, issue } from "../../src/pki/issue.js";
import { agentProfile, authorityProfile, operatorProfile, serverProfile } from "../../src/pki/profile.js";
import { temporaryFolder, writeIn } from "../config/places.js";
import { shakeHands } from "./handshake.js";
import { odd } from "./odd-profiles.js";

const validity = { now: new Date(), days: 30 };
const suffix = "fleet.lab.internal";
const agent = agentProfile("web-01", suffix, validity);

let authority: Issued;
let server: Issued;
beforeAll(async () => {
  authority = await issue(authorityProfile("test CA", validity));
  server = await issue(serverProfile(["localhost", "127.0.0.1", "::1"], validity), authority);
});

describe("a handshake", () => {
  const trusting = async (client: Issued | undefined) =>
    shakeHands({ server, ca: authority.certPem, ...(client === undefined ? {} : { client }) });

  test("takes an agent's and an operator's certificate, and both trust the server's", async () => {
    expect(await trusting(await issue(agent, authority))).toEqual({
      serverAccepted: true,
      serverReason: undefined,
      clientReason: undefined,
      commonName: "agent-web-01.fleet.lab.internal",
    });
    expect(await trusting(await issue(operatorProfile("dev", validity), authority))).toMatchObject({
      serverAccepted: true,
      commonName: "operator-dev",
    });
  });

  test("tells a server of another name apart", async () => {
    const client = await issue(agent, authority);
    const verdict = await shakeHands({ server, client, ca: authority.certPem, servername: "elsewhere" });
    expect(verdict.clientReason).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test.each([
    ["no certificate", async () => undefined, /UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED|CERT/],
    ["an expired one", async () => issue(odd.expired(agent), authority), /CERT_HAS_EXPIRED/],
    ["one that is not yet valid", async () => issue(odd.notYetValid(agent), authority), /CERT_NOT_YET_VALID/],
    ["a server's", async () => issue(odd.serverOnly(agent), authority), /INVALID_PURPOSE/],
    ["one of another CA", async () => issue(agent, await issue(authorityProfile("test CA", validity))), /CERT|UNABLE/],
    ["a self-signed one", async () => issue(agent), /SELF_SIGNED/],
  ])("refuses %s", async (_, make, expected) => {
    const verdict = await trusting(await make());
    expect(verdict.serverAccepted).toBe(false);
    expect(verdict.serverReason).toMatch(expected);
  });

  test("takes one whose intermediate CA comes along, but not from a CA that may have none below it", async () => {
    const chained = async (root: Issued) => {
      const middle = await issue(odd.unlimitedAuthority(authorityProfile("middle CA", validity)), root);
      const leaf = await issue(agent, middle);
      const client = { ...leaf, certPem: leaf.certPem + middle.certPem };
      return shakeHands({ server, client, ca: root.certPem });
    };
    const liberal = await issue(odd.unlimitedAuthority(authorityProfile("liberal CA", validity)));
    expect((await chained(liberal)).serverAccepted).toBe(true);
    expect((await chained(authority)).serverReason).toMatch(/PATH_LENGTH_EXCEEDED/);
  });

  test("shows what is odd about a Common Name as it is", async () => {
    const nameOf = async (profile: typeof agent) => (await trusting(await issue(profile, authority))).commonName;
    expect(await nameOf(odd.twoCommonNames(agent, "other"))).toEqual(["agent-web-01.fleet.lab.internal", "other"]);
    expect(await nameOf(odd.nulInCommonName(agent))).toBe("agent-web-01.fleet.lab.internal\0evil");
    expect(await nameOf(odd.commonName(agent, 'we,b\\"+\n'))).toBe('we,b\\"+\n');
    expect(await nameOf(odd.noCommonName(agent))).toBeUndefined();
    expect(await nameOf(odd.emptySubject(agent))).toBeUndefined();
  });

  test("does not mind a missing purpose, which is why the program looks itself", async () => {
    const client = await issue(odd.noPurpose(agent), authority);
    expect((await trusting(client)).serverAccepted).toBe(true);
    expect(new X509Certificate(client.certPem).keyUsage).toBeUndefined();
  });
});

describe("what a certificate says", () => {
  test("serial numbers are positive, of 128 bits, and never the same", async () => {
    const certificates = await Promise.all(Array.from({ length: 40 }, () => issue(agent, authority)));
    const serials = certificates.map(({ certPem }) => BigInt(`0x${new X509Certificate(certPem).serialNumber}`));
    expect(new Set(serials).size).toBe(40);
    expect(serials.every((serial) => serial > 0n && serial < 2n ** 128n)).toBe(true);
    // 40 numbers of 128 random bits whose upper 32 bits are all zero do not happen.
    expect(serials.some((serial) => serial > 2n ** 96n)).toBe(true);
  });

  test("it is valid from five minutes before it was made, for the days asked for", () => {
    const now = new Date("2026-05-16T01:30:00.750Z");
    const { notBefore, notAfter } = operatorProfile("dev", { now, days: 2 });
    expect(notBefore.toISOString()).toBe("2026-05-16T01:25:00.000Z");
    expect(notAfter.toISOString()).toBe("2026-05-18T01:30:00.000Z");
  });

  test("an authority signs certificates and nothing else; a leaf signs none", async () => {
    const ca = new X509Certificate(authority.certPem);
    expect(ca.ca).toBe(true);
    const leaf = new X509Certificate((await issue(agent, authority)).certPem);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(new X509Certificate(server.certPem).keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(leaf.verify(ca.publicKey)).toBe(true);
  });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.runIf(hasOpenssl)("openssl verify -x509_strict", () => {
  const verify = (certificate: Issued, purpose: string, root = authority) => {
    const folder = temporaryFolder();
    const ca = writeIn(folder, "ca.crt", root.certPem);
    const leaf = writeIn(folder, "leaf.crt", certificate.certPem);
    const { status } = spawnSync("openssl", ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, leaf]);
    return status === 0;
  };

  test("accepts each certificate for its purpose, and for no other", async () => {
    const client = await issue(agent, authority);
    expect([verify(client, "sslclient"), verify(client, "sslserver")]).toEqual([true, false]);
    expect([verify(server, "sslclient"), verify(server, "sslserver")]).toEqual([false, true]);
    expect(verify(authority, "any")).toBe(true);
  });

  test("accepts one that lives past 2050, when dates are written otherwise", async () => {
    const longLived = { now: new Date(), days: 36_500 };
    const root = await issue(authorityProfile("long CA", longLived));
    expect(verify(await issue(agentProfile("web-01", suffix, longLived), root), "sslclient", root)).toBe(true);
  });

  test("shows the extensions marked critical that must be", () => {
    const folder = temporaryFolder();
    const text = execFileSync("openssl", ["x509", "-noout", "-text", "-in", writeIn(folder, "ca", authority.certPem)], {
      encoding: "utf8",
    });
    expect(text).toMatch(/Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/);
    expect(text).toMatch(/Key Usage: critical\n\s+Certificate Sign, CRL Sign/);
    expect(text).toContain("Subject Key Identifier");
    expect(text).toContain("prime256v1");
  });
});
