import { X509Certificate } from "node:crypto";
import { UsageError } from "../config/usage-error.js";
import { machineIdFromCn } from "../identity/machine-id.js";

/** The machine that an agent's certificate stands for. @throws UsageError */
export function machineIdOf(certPem: string, suffix: string): string {
  // Typed as one string, but two CNs arrive as an array and none as undefined.
  const cn: unknown = new X509Certificate(certPem).toLegacyObject().subject?.CN;
  if (typeof cn === "string" && cn !== "") return machineIdFromCn(cn, suffix);
  throw new UsageError("--cert: the certificate does not have exactly one Common Name", "Pass --hostname.");
}
