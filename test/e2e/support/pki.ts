import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Issued, issue } from "../../../src/pki/issue.js";
import {
  agentProfile,
  authorityProfile,
  operatorProfile,
  type Profile,
  serverProfile,
} from "../../../src/pki/profile.js";

export const suffix = "fleet.lab.internal";
const days = 2;

/** A fleet's certificates, made anew for each test file, in files as the binary wants them. */
export class TestPki {
  readonly folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-pki-"));
  private constructor(
    private readonly since: Date,
    readonly ca: Issued,
    readonly server: Issued,
    readonly operator: Issued,
  ) {
    this.write("ca", ca);
    this.write("server", server);
    this.write("operator", operator);
  }

  /** @param since from when on, less five minutes, they are valid for two days */
  static async create(since = new Date()): Promise<TestPki> {
    const validity = { now: since, days };
    const ca = await issue(authorityProfile("test fleet CA", validity));
    const server = await issue(serverProfile(["localhost", "127.0.0.1"], validity), ca);
    return new TestPki(since, ca, server, await issue(operatorProfile("test", validity), ca));
  }

  agent(id: string): Promise<Issued> {
    return issue(agentProfile(id, suffix, { now: this.since, days }), this.ca);
  }

  /** A client certificate that says whatever a test wants it to say. */
  client(changes: Partial<Profile>, issuer: Issued = this.ca): Promise<Issued> {
    return issue({ ...agentProfile("odd", suffix, { now: this.since, days }), ...changes }, issuer);
  }

  /** @returns the path without its ending: `.crt` and `.key` stand there */
  write(name: string, { certPem, keyPem }: Issued): string {
    const path = join(this.folder, name);
    writeFileSync(`${path}.crt`, certPem);
    writeFileSync(`${path}.key`, keyPem, { mode: 0o600 });
    chmodSync(`${path}.key`, 0o600);
    return path;
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export function otherCa(): Promise<Issued> {
  return issue(authorityProfile("another CA", { now: new Date(), days }));
}
