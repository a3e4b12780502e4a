import { describe, expect, test } from "vitest";
import { DispatchError } from "../../src/dispatch/errors.js";
import { type IdentityPolicy, identify, isHeld } from "../../src/identity/identity.js";
import type { PeerCert } from "../../src/identity/peer-cert.js";

const nowMs = Date.UTC(2026, 4, 16, 1, 30);
const hourMs = 3_600_000;
const clientAuth = "1.3.6.1.5.5.7.3.2";

const good: PeerCert = {
  verifyError: undefined,
  commonNames: ["agent-web-01.fleet.lab.internal"],
  extendedKeyUsage: [clientAuth],
  notBeforeMs: nowMs - hourMs,
  notAfterMs: nowMs + hourMs,
  issuedUnder: "clientCa",
};
const policy: IdentityPolicy = {
  agentCnSuffix: "fleet.lab.internal",
  isOperatorCn: (cn) => cn.startsWith("operator-"),
  hasOperatorCa: false,
  revokedBeforeMs: () => undefined,
};
const ownCa: IdentityPolicy = { ...policy, hasOperatorCa: true };

/** The reason of the refusal, or who it is. */
function judge(cert: Partial<PeerCert>, changes: Partial<IdentityPolicy> = {}, atMs = nowMs): unknown {
  try {
    return identify({ ...good, ...cert }, { ...policy, ...changes }, atMs);
  } catch (error) {
    if (!(error instanceof DispatchError)) throw error;
    expect(error.reason).toBe("unauthenticated");
    return error.message.replace("the client certificate ", "");
  }
}

const agent = (machineId: string) => ({ kind: "agent", machineId });
const operator = (name: string) => ({ kind: "operator", name });

describe("the gate", () => {
  test("lets an agent in under its machine id, and an operator under its name", () => {
    expect(judge({})).toEqual(agent("web-01"));
    expect(judge({ commonNames: ["db-1"] })).toEqual(agent("db-1"));
    expect(judge({ commonNames: ["operator-ada"] })).toEqual(operator("operator-ada"));
  });

  test.each<[string, Partial<PeerCert>, string]>([
    ["that does not verify", { verifyError: "CERT_HAS_EXPIRED" }, "does not verify: CERT_HAS_EXPIRED"],
    ["without a purpose", { extendedKeyUsage: [] }, "is not for client authentication"],
    ["for servers only", { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] }, "is not for client authentication"],
    ["for any purpose at all", { extendedKeyUsage: ["2.5.29.37.0"] }, "is not for client authentication"],
    ["not valid yet", { notBeforeMs: nowMs + 1 }, "is not valid yet"],
    ["that has expired", { notAfterMs: nowMs - 1 }, "has expired"],
    ["whose dates cannot be read", { notBeforeMs: Number.NaN }, "is not valid yet"],
    ["whose end cannot be read", { notAfterMs: Number.NaN }, "has expired"],
    ["without a Common Name", { commonNames: [] }, "has 0 Common Names; one is needed"],
    ["with two", { commonNames: ["web-01", "web-02"] }, "has 2 Common Names; one is needed"],
    ["with the same one twice", { commonNames: ["web-01", "web-01"] }, "has 2 Common Names; one is needed"],
    ["that leads to neither CA", { issuedUnder: "neither" }, "does not come with the chain that leads to its CA"],
  ])("refuses a certificate %s", (_, cert, why) => {
    expect(judge(cert)).toBe(why);
  });

  test.each([
    "",
    "Web-01",
    "web_01",
    "web-01\0evil",
    "web-01\n",
    "web 01",
    "wéb",
    "../web",
    "web*",
    "a".repeat(254),
    "-web",
    "web-",
    "web..01",
    ".",
    "agent-.fleet.lab.internal",
    "agent--.fleet.lab.internal",
  ])("refuses the Common Name %j", (cn) => {
    expect(judge({ commonNames: [cn] })).toBe("has a Common Name that is not a lower-case host name");
  });

  test("lets a certificate in on its first and on its last millisecond", () => {
    expect(judge({}, {}, good.notBeforeMs)).toEqual(agent("web-01"));
    expect(judge({}, {}, good.notAfterMs)).toEqual(agent("web-01"));
    expect(isHeld(good, policy, good.notAfterMs + 1)).toBe(false);
  });
});

describe("revocation", () => {
  const revoked = (subject: string, beforeMs: number) => ({
    revokedBeforeMs: (asked: string) => (asked === subject ? beforeMs : undefined),
  });

  test("refuses what was issued before its instant, and lets in what was issued at it or later", () => {
    expect(judge({}, revoked("web-01", good.notBeforeMs + 1))).toBe("has been revoked");
    expect(judge({}, revoked("web-01", good.notBeforeMs))).toEqual(agent("web-01"));
  });

  test("is by machine id, whichever Common Name carries it", () => {
    const policyChange = revoked("web-01", nowMs);
    expect(judge({ commonNames: ["web-01"] }, policyChange)).toBe("has been revoked");
    expect(judge({ commonNames: ["agent-web-02.fleet.lab.internal"] }, policyChange)).toEqual(agent("web-02"));
  });

  test("refuses operators by their name", () => {
    expect(judge({ commonNames: ["operator-ada"] }, revoked("operator-ada", nowMs))).toBe("has been revoked");
  });

  test("whose instant cannot be compared refuses", () => {
    expect(judge({}, revoked("web-01", Number.NaN))).toBe("has been revoked");
  });
});

describe("with a CA of the operators' own", () => {
  test("exactly its certificates are operators', whatever their names say", () => {
    expect(judge({ issuedUnder: "operatorCa", commonNames: ["web-01"] }, ownCa)).toEqual(operator("web-01"));
    expect(judge({ issuedUnder: "operatorCa" }, ownCa)).toEqual(operator("agent-web-01.fleet.lab.internal"));
    expect(judge({ commonNames: ["operator-ada"] }, ownCa)).toEqual(agent("operator-ada"));
  });

  test("a certificate of unclear origin is neither's", () => {
    expect(judge({ issuedUnder: "neither", commonNames: ["web-01"] }, ownCa)).toMatch(/^does not come with the chain/);
  });
});
