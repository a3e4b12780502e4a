// A CA, a server, an operator and as many agents as are asked for, in one file of PEM texts.

import { writeFileSync } from "node:fs";
import { issue } from "../../dist/src/pki/issue.js";
import { authorityProfile, operatorProfile, serverProfile } from "../../dist/src/pki/profile.js";
import { hostname, inBatches } from "./dispatches.mjs";

/** @returns the path of a JSON file: `ca`, `server`, `operator` and `agents`, each with `certPem` and `keyPem` */
export async function makeCertificates(folder, agentCount) {
  const path = `${folder}/certificates-${agentCount}.json`;
  const validity = { now: new Date(), days: 30 };
  const ca = await issue(authorityProfile("bench CA", validity));
  const server = await issue(serverProfile(["127.0.0.1", "localhost"], validity), ca);
  const operator = await issue(operatorProfile("bench", validity), ca);
  const agents = [];
  for (const some of inBatches([...Array(agentCount).keys()], 64)) {
    agents.push(...(await Promise.all(some.map((i) => issue(machine(i, validity), ca)))));
  }
  writeFileSync(path, JSON.stringify({ ca, server, operator, agents }), { mode: 0o600 });
  return path;
}

/** A Common Name without prefix and suffix is the machine id as it is. */
function machine(i, validity) {
  const profile = operatorProfile("bench", validity);
  return { ...profile, subject: [{ type: "CN", value: hostname(i) }] };
}
