import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isHostname } from "../../src/dispatch/hostname.js";
import { identify } from "../../src/identity/identity.js";
import { operatorMatcher } from "../../src/identity/operator-pattern.js";
import { parseRevocations } from "../../src/identity/revocations.js";
import { fencesIn, tableRows } from "./markdown.js";
import { codeSpans } from "./sources.js";

const page = readFileSync("docs/identity.md", "utf8");

const policy = {
  agentCnSuffix: "fleet.lab.internal",
  isOperatorCn: operatorMatcher(["operator-*"]),
  hasOperatorCa: false,
  revokedBeforeMs: () => undefined,
};

/** The machine id or operator's name that a good certificate with this name gets its owner. */
function whoIs(commonName: string): string {
  const cert = {
    verifyError: undefined,
    commonNames: [commonName],
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
    notBeforeMs: 0,
    notAfterMs: 2,
    issuedUnder: "clientCa" as const,
  };
  const identity = identify(cert, policy, 1);
  return identity.kind === "agent" ? `agent of machine ${identity.machineId}` : `operator ${identity.name}`;
}

describe("docs/identity.md", () => {
  test.each(tableRows(page, "Common Name"))("the name %s stands for what the page says", (name, _, meaning = "") => {
    const said = meaning.replace(/:.*/, "").replaceAll("`", "");
    expect(said).toContain(whoIs(name.replaceAll("`", "")));
  });

  test("lists every message of a refusal", () => {
    const source = readFileSync("src/identity/identity.ts", "utf8");
    const thrown = [...source.matchAll(/refuse\("\w+", ["`](.*?)["`]\)/g)].map(([, why = ""]) =>
      `the client certificate ${why}`.replace(/\$\{.*?\}/g, "…"),
    );
    const listed = tableRows(page, "Message").flatMap(([message = ""]) => codeSpans(message));
    expect(listed.toSorted()).toEqual([...new Set(thrown), "a client certificate is needed"].sort());
  });

  test("shows a file of revocations that is one", () => {
    const file = fencesIn(page).find(({ mark }) => mark === "revocations");
    const revocations = parseRevocations(file?.text ?? "");
    expect([...revocations.keys()].every(isHostname)).toBe(true);
    expect(revocations.get("operator-mallory")).toBe(Date.UTC(2026, 4, 15, 22));
  });
});
