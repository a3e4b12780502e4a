import { type Issued, issue } from "../../src/pki/issue.js";
import { agentProfile } from "../../src/pki/profile.js";
import { suffix, type TestPki } from "../e2e/support/pki.js";
import type { Identity } from "./drivers/clients.js";

/** The hosts and their certificates, made once for all rounds. */
export interface Fleet {
  readonly hosts: readonly { readonly hostname: string; readonly identity: Identity }[];
  readonly operator: Identity;
}

export async function createFleet(pki: TestPki, size: number): Promise<Fleet> {
  const identityOf = (issued: Issued): Identity => ({ caPem: pki.ca.certPem, issued });
  const hostnames = Array.from({ length: size }, (_, i) => `web-${i + 1}`);
  const profile = (hostname: string) => agentProfile(hostname, suffix, { now: new Date(), days: 2 });
  const hosts = hostnames.map(async (hostname) => ({
    hostname,
    identity: identityOf(await issue(profile(hostname), pki.ca)),
  }));
  return { hosts: await Promise.all(hosts), operator: identityOf(pki.operator) };
}
