import { X509Certificate } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initCa } from "../../src/pki/authority.js";
import { developmentCredentials, ensureDevelopmentPki } from "../../src/pki/development.js";
import { readPair } from "../../src/pki/folder.js";
import { temporaryFolder } from "../config/places.js";
import { shakeHands } from "./handshake.js";

const dayMs = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * dayMs);
const certificate = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

describe("the development certificates", () => {
  test("let an agent and an operator call the server at once", async () => {
    const pki = await ensureDevelopmentPki(temporaryFolder());
    const [server, agent, operator] = await Promise.all([pki.server, pki.agent, pki.operator].map(readPair));
    if (server === undefined || agent === undefined || operator === undefined) throw new Error("a file is missing");
    const ca = readFileSync(pki.ca, "utf8");
    expect(pki.created).toBe(true);
    expect(await shakeHands({ server, client: agent, ca })).toMatchObject({
      serverAccepted: true,
      clientReason: undefined,
      commonName: "agent-web-01.fleet.lab.internal",
    });
    expect(await shakeHands({ server, client: operator, ca })).toMatchObject({
      serverAccepted: true,
      commonName: "operator-dev",
    });
  });

  test("name the server by every way to reach it from this machine", async () => {
    const pki = await ensureDevelopmentPki(temporaryFolder());
    const leaf = certificate(pki.server.cert);
    expect([leaf.checkHost("localhost"), leaf.checkIP("127.0.0.1"), leaf.checkIP("::1")]).not.toContain(undefined);
  });

  test("stay the same over restarts", async () => {
    const stateDir = temporaryFolder();
    const { created: first, ...before } = await ensureDevelopmentPki(stateDir);
    const serial = certificate(before.agent.cert).serialNumber;
    const { created: second, ...after } = await ensureDevelopmentPki(stateDir);
    expect([first, second]).toEqual([true, false]);
    expect(after).toEqual(before);
    expect(certificate(after.agent.cert).serialNumber).toBe(serial);
  });

  test("are renewed within 30 days of their end, by the same authority", async () => {
    const stateDir = temporaryFolder();
    const pki = await ensureDevelopmentPki(stateDir);
    const authority = readFileSync(pki.ca, "utf8");
    expect((await ensureDevelopmentPki(stateDir, { now: inDays(334) })).created).toBe(false);
    expect((await ensureDevelopmentPki(stateDir, { now: inDays(336) })).created).toBe(true);
    expect(new Date(certificate(pki.agent.cert).validTo) > inDays(600)).toBe(true);
    expect(readFileSync(pki.ca, "utf8")).toBe(authority);
  });

  test("are made anew where a file is missing, broken, or fits another key", async () => {
    const stateDir = temporaryFolder();
    const pki = await ensureDevelopmentPki(stateDir);
    const damages = [
      () => rmSync(pki.operator.key),
      () => writeFileSync(pki.server.cert, "not a certificate"),
      () => copyFileSync(pki.operator.key, pki.agent.key),
    ];
    for (const damage of damages) {
      damage();
      expect((await ensureDevelopmentPki(stateDir)).created).toBe(true);
      expect((await ensureDevelopmentPki(stateDir)).created).toBe(false);
    }
  });

  test("are made anew when their authority is another one", async () => {
    const stateDir = temporaryFolder();
    const pki = await ensureDevelopmentPki(stateDir);
    for (const name of ["ca.crt", "ca.key"]) rmSync(join(pki.folder, name));
    await initCa(pki.folder);
    expect((await ensureDevelopmentPki(stateDir)).created).toBe(true);
    expect(certificate(pki.agent.cert).verify(certificate(pki.ca).publicKey)).toBe(true);
  });

  test("follow a change of the agents' suffix", async () => {
    const stateDir = temporaryFolder();
    await ensureDevelopmentPki(stateDir);
    const { agent, created } = await ensureDevelopmentPki(stateDir, { suffix: "a.b" });
    expect([created, certificate(agent.cert).subject]).toEqual([true, "CN=agent-web-01.a.b"]);
  });

  test("are never made by half an authority, nor by an expired one", async () => {
    const stateDir = temporaryFolder();
    const { ca, folder } = await ensureDevelopmentPki(stateDir);
    await expect(ensureDevelopmentPki(stateDir, { now: inDays(4000) })).rejects.toThrow("has expired");
    rmSync(join(folder, "ca.key"));
    await expect(ensureDevelopmentPki(stateDir)).rejects.toThrow(`${ca} exists already`);
  });
});

describe("the credentials for development", () => {
  test("are those of the role", async () => {
    const stateDir = temporaryFolder();
    const { ca, agent, operator } = await ensureDevelopmentPki(stateDir);
    expect(developmentCredentials(stateDir, "agent")).toEqual({ ca, ...agent });
    expect(developmentCredentials(stateDir, "operator")).toEqual({ ca, ...operator });
    expect(existsSync(operator.key)).toBe(true);
  });

  test("are absent where any file is missing", async () => {
    const stateDir = temporaryFolder();
    expect(developmentCredentials(stateDir, "agent")).toBeUndefined();
    const { agent } = await ensureDevelopmentPki(stateDir);
    rmSync(agent.key);
    expect(developmentCredentials(stateDir, "agent")).toBeUndefined();
  });
});
