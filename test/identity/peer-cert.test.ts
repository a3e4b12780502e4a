import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket, type TlsOptions } from "node:tls";
import * as x509 from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import { type PeerCert, readPeerCert } from "../../src/identity/peer-cert.js";
import { type Issued, issue } from "../../src/pki/issue.js";
import { agentProfile, authorityProfile, operatorProfile, serverProfile } from "../../src/pki/profile.js";
import { odd } from "../pki/odd-profiles.js";

const validity = { now: new Date(), days: 2 };
const agent = agentProfile("web-01", "fleet.lab.internal", validity);
const operator = operatorProfile("ada", validity);

let clientCa: Issued;
let operatorRoot: Issued;
let operatorIntermediate: Issued;
let strangerCa: Issued;
let server: Issued;

beforeAll(async () => {
  clientCa = await issue(authorityProfile("clients", validity));
  operatorRoot = await issue(odd.unlimitedAuthority(authorityProfile("operators", validity)));
  operatorIntermediate = await issue(authorityProfile("operators, intermediate", validity), operatorRoot);
  strangerCa = await issue(odd.unlimitedAuthority(authorityProfile("stranger", validity)));
  server = await issue(serverProfile(["localhost"], validity), clientCa);
});

/** What is sent: the certificate, and whatever is to follow it. */
function chain(leaf: Issued, ...rest: readonly { readonly certPem: string }[]): Issued {
  return { keyPem: leaf.keyPem, certPem: [leaf, ...rest].map(({ certPem }) => certPem).join("") };
}

const certificates = (...issued: readonly Issued[]) => issued.map(({ certPem }) => new X509Certificate(certPem));

interface Reading {
  readonly cert: PeerCert | undefined;
  readonly resumed: boolean;
}

/** Reads the client's certificate off real handshakes of one server: as many as there are clients, the first's session resumed by the others. */
async function readAll(clients: readonly (Issued | undefined)[], options: TlsOptions = {}): Promise<Reading[]> {
  const listener = createServer({
    cert: server.certPem,
    key: server.keyPem,
    ca: [clientCa.certPem, operatorRoot.certPem],
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false,
    ...options,
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const readings: Reading[] = [];
  let session: Buffer | undefined;
  for (const client of clients) {
    const accepted: Promise<TLSSocket[]> = once(listener, "secureConnection");
    const caller = connect({
      host: "127.0.0.1",
      port: address.port,
      servername: "localhost",
      ca: clientCa.certPem,
      ...(client && { cert: client.certPem, key: client.keyPem }),
      ...(session && { session }),
    });
    // The ticket comes after the handshake, to who reads on.
    const ticket = once(caller.resume(), "session");
    const [peer] = await accepted;
    if (peer === undefined) throw new Error("no connection");
    const cas = { clientCas: certificates(clientCa), operatorCas: certificates(operatorRoot) };
    readings.push({ cert: readPeerCert(peer, cas), resumed: peer.isSessionReused() });
    if (session === undefined && clients.length > 1) [session] = await ticket;
    caller.destroy();
    peer.destroy();
  }
  listener.close();
  await once(listener, "close");
  return readings;
}

async function read(client: Issued | undefined): Promise<PeerCert | undefined> {
  const [reading] = await readAll([client]);
  return reading?.cert;
}

describe("the certificate of a connection", () => {
  test("is read as it is", async () => {
    const client = await issue(agent, clientCa);
    expect(await read(client)).toEqual({
      verifyError: undefined,
      commonNames: ["agent-web-01.fleet.lab.internal"],
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
      notBeforeMs: Date.parse(new X509Certificate(client.certPem).validFrom),
      notAfterMs: Date.parse(new X509Certificate(client.certPem).validTo),
      issuedUnder: "clientCa",
    });
  });

  test("is undefined where none was sent", async () => {
    expect(await read(undefined)).toBeUndefined();
  });

  test("says why it does not verify", async () => {
    const reasons = [
      await read(await issue(agent, strangerCa)),
      await read(await issue(odd.expired(agent), clientCa)),
      await read(await issue(odd.notYetValid(agent), clientCa)),
      await read(await issue(agent)),
    ].map((cert) => [cert?.verifyError, cert?.issuedUnder]);
    expect(reasons).toEqual([
      ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "neither"],
      ["CERT_HAS_EXPIRED", "neither"],
      ["CERT_NOT_YET_VALID", "neither"],
      ["DEPTH_ZERO_SELF_SIGNED_CERT", "neither"],
    ]);
  });

  test("keeps every Common Name, and each as it is", async () => {
    const names = [
      odd.twoCommonNames(agent, "web-02"),
      odd.noCommonName(agent),
      odd.emptySubject(agent),
      odd.commonName(agent, "web-01\nweb-02"),
      odd.nulInCommonName(odd.commonName(agent, "web-01")),
      odd.commonName(agent, "__proto__"),
    ].map(async (profile) => (await read(await issue(profile, clientCa)))?.commonNames);
    expect(await Promise.all(names)).toEqual([
      ["agent-web-01.fleet.lab.internal", "web-02"],
      [],
      [],
      ["web-01\nweb-02"],
      ["web-01\0evil"],
      ["__proto__"],
    ]);
  });

  test("has no purpose where it names none", async () => {
    expect((await read(await issue(odd.noPurpose(agent), clientCa)))?.extendedKeyUsage).toEqual([]);
  });
});

describe("a certificate is the operators'", () => {
  test("if their CA signed it", async () => {
    expect((await read(await issue(operator, operatorRoot)))?.issuedUnder).toBe("operatorCa");
  });

  test("if an intermediate of their CA did that comes along", async () => {
    const leaf = await issue(operator, operatorIntermediate);
    expect(await read(chain(leaf, operatorIntermediate))).toMatchObject({
      verifyError: undefined,
      issuedUnder: "operatorCa",
    });
  });

  test("not because a copy of their CA stands behind it", async () => {
    const forged = [await issue(operator, strangerCa), await issue(operator)];
    for (const leaf of forged) {
      const cert = await read(chain(leaf, strangerCa, operatorIntermediate, operatorRoot));
      expect(cert?.issuedUnder).toBe("neither");
      expect(cert?.verifyError).toBeDefined();
    }
  });

  test("not because its CA has the same name as theirs", async () => {
    const namesake = await issue(odd.unlimitedAuthority(authorityProfile("operators", validity)));
    expect((await read(chain(await issue(operator, namesake), namesake)))?.issuedUnder).toBe("neither");
  });

  test("not because a certificate of theirs that is no CA signed it", async () => {
    const ada = await issue(operator, operatorRoot);
    expect((await read(chain(await issue(operator, ada), ada)))?.issuedUnder).toBe("neither");
  });

  test("and never the clients', whatever decoy hides the intermediate that it verifies by", async () => {
    const leaf = await issue(odd.commonName(agent, "web-01"), operatorIntermediate);
    const hidden = await read(chain(leaf, await decoyOf(operatorIntermediate), operatorIntermediate));
    // That it does verify is what makes this one dangerous.
    expect(hidden).toMatchObject({ verifyError: undefined, commonNames: ["web-01"], issuedUnder: "neither" });
  });
});

describe("a resumed session", () => {
  test("shows the same certificate again", async () => {
    const client = await issue(agent, clientCa);
    const [first, second] = await readAll([client, client]);
    expect([first?.resumed, second?.resumed]).toEqual([false, true]);
    expect(second?.cert).toEqual(first?.cert);
  });

  test("that began without a certificate has none, although Node calls it authorized", async () => {
    const [first, second] = await readAll([undefined, undefined]);
    expect(second?.resumed).toBe(true);
    expect([first?.cert, second?.cert]).toEqual([undefined, undefined]);
  });

  test("that began with a certificate that does not verify does not verify either", async () => {
    const client = await issue(agent, strangerCa);
    const [, second] = await readAll([client, client]);
    expect(second?.resumed).toBe(true);
    expect(second?.cert).toMatchObject({ verifyError: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", issuedUnder: "neither" });
  });

  test("does not make a client's of an operator's whose chain is not sent again", async () => {
    const leaf = chain(await issue(operator, operatorIntermediate), operatorIntermediate);
    const [first, second] = await readAll([leaf, leaf]);
    expect(second?.resumed).toBe(true);
    expect(first?.cert?.issuedUnder).toBe("operatorCa");
    expect(second?.cert?.issuedUnder).not.toBe("clientCa");
  });
});

/**
 * Name and key identifier of an authority on a key of its own, and expired: OpenSSL passes over it for the real one, while
 * Node takes the first that fits for the issuer.
 */
async function decoyOf({ certPem }: Issued): Promise<{ certPem: string }> {
  const real = new x509.X509Certificate(certPem);
  const identifier = real.getExtension(x509.SubjectKeyIdentifierExtension);
  if (identifier === null) throw new Error("no key identifier");
  const keys = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const decoy = await x509.X509CertificateGenerator.create({
    subject: real.subjectName,
    issuer: real.issuerName,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: new Date("2020-01-02T00:00:00Z"),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      identifier,
    ],
  });
  return { certPem: `${decoy.toString("pem")}\n` };
}
