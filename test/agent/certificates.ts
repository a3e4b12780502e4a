import { type Issued, issue } from "../../src/pki/issue.js";
import { agentProfile, authorityProfile, operatorProfile, serverProfile } from "../../src/pki/profile.js";

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface TestPki {
  readonly ca: string;
  readonly server: Pair;
  agent(id: string): Promise<Pair>;
  operator(name: string): Promise<Pair>;
}

/** An authority in memory, with certificates for a server on localhost, agents and operators. */
export async function createTestPki(): Promise<TestPki> {
  const validity = { now: new Date(), days: 1 };
  const authority = await issue(authorityProfile("test authority", validity));
  const pair = ({ certPem, keyPem }: Issued): Pair => ({ cert: certPem, key: keyPem });
  return {
    ca: authority.certPem,
    server: pair(await issue(serverProfile(["localhost", "127.0.0.1"], validity), authority)),
    agent: async (id) => pair(await issue(agentProfile(id, "fleet.lab.internal", validity), authority)),
    operator: async (name) => pair(await issue(operatorProfile(name, validity), authority)),
  };
}
