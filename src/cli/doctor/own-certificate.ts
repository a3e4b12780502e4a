import { X509Certificate } from "node:crypto";
import type { ClientConfig } from "../../config/settings.js";
import { UsageError } from "../../config/usage-error.js";
import { certificatesIn } from "../../http/pem.js";
import { type CredentialFiles, type Credentials, credentialFiles, readCredentials } from "../connect.js";
import { messageOf } from "../output.js";
import { judgeAuthorities, judgeClientCertificate } from "./certificate.js";
import type { Found } from "./configuration.js";
import { type Finding, fail, ok } from "./finding.js";

/** What the doctor itself calls with. */
export interface Own {
  readonly files: CredentialFiles;
  readonly credentials: Credentials;
}

/** The caller's certificate and key, as every other command finds them. */
export async function findOwn(config: ClientConfig, nowMs: number): Promise<Found<Own>> {
  try {
    const files = credentialFiles(config, "operator");
    const credentials = await readCredentials(files);
    const finding = judgeClientCertificate(new X509Certificate(credentials.cert), nowMs);
    return { finding, value: { files, credentials } };
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    return { finding: fail(messageOf(thrown), thrown.hint), value: undefined };
  }
}

/** Whom the caller trusts to name servers. */
export function judgeTrust({ files, credentials }: Own, nowMs: number): Finding {
  const { ca: path } = files;
  if (path === undefined || credentials.ca === undefined) return ok("the authorities that Node.js trusts");
  return judgeAuthorities(certificatesIn(credentials.ca), path, nowMs);
}
