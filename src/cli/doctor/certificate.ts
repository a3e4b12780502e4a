import type { X509Certificate } from "node:crypto";
import { instantFromMs } from "../../dispatch/instant.js";
import { localTime, whenFrom } from "../../words/times.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** Who renews by hand needs so long. */
const soonMs = 14 * 86_400_000;

/** Whether a certificate is valid now, and will be for a while. `name` begins a sentence: `the server's certificate`. */
export function judgeDates(certificate: X509Certificate, name: string, nowMs: number): Finding {
  const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const describe = whenFrom(instantFromMs(nowMs), localTime);
  const when = (ms: number) => describe(instantFromMs(ms));
  if (nowMs < fromMs) {
    return fail(`${name} is not valid before ${when(fromMs)}`, "Look at this machine's clock, or wait.");
  }
  if (nowMs >= toMs) return fail(`${name} has expired at ${when(toMs)}`, "Renew it.");
  const detail = `${name} is valid until ${when(toMs)}`;
  return toMs - nowMs < soonMs ? warn(detail, "Renew it.") : ok(detail);
}

const clientAuth = "1.3.6.1.5.5.7.3.2";

/** The caller's own: its dates, and what the server demands of it. */
export function judgeClientCertificate(certificate: X509Certificate, nowMs: number): Finding {
  const names = commonNames(certificate);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    return fail(`your certificate has ${names.length} Common Names`, "The server wants exactly one: get another.");
  }
  if (!(certificate.keyUsage ?? []).includes(clientAuth)) {
    return fail(
      `your certificate (${name}) is not for client authentication`,
      "Get one with the extended key usage clientAuth.",
    );
  }
  return judgeDates(certificate, `your certificate (${name})`, nowMs);
}

/** All of the file's: the trouble with one of them, or the one that ends first. */
export function judgeAuthorities(certificates: readonly X509Certificate[], path: string, nowMs: number): Finding {
  const byEnd = certificates.toSorted((a, b) => Date.parse(a.validTo) - Date.parse(b.validTo));
  const findings = byEnd.map((certificate) => {
    const name = commonNames(certificate).join(" + ") || "without a name";
    return judgeDates(certificate, `the CA ${name} of ${path}`, nowMs);
  });
  const bad = findings.find(({ status }) => status !== "ok");
  return bad ?? findings[0] ?? fail(`${path} holds no certificate`);
}

export function commonNames({ subject }: X509Certificate): string[] {
  return subject
    .split("\n")
    .filter((part) => part.startsWith("CN="))
    .map((part) => part.slice("CN=".length));
}
