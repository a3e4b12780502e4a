// The certificate library registers its algorithms through it and does not bring it along.
import "reflect-metadata";

import { createPrivateKey, KeyObject, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import type { Profile } from "./profile.js";

/** A certificate and its private key, both PEM (the key as PKCS #8). */
export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
}

const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;

/**
 * Makes a new P-256 key and a certificate for it with a random 128-bit serial number, signed by `issuer`, or by itself.
 * The profile is taken as it is, however odd: names are checked where profiles are made.
 */
export async function issue(profile: Profile, issuer?: Issued): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const subject = new x509.Name(profile.subject.map(({ type, value }) => ({ [type]: [{ utf8String: value }] })));
  const signer = issuer === undefined ? undefined : await readIssuer(issuer);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: signer?.name ?? subject,
    publicKey: keys.publicKey,
    signingKey: signer?.key ?? keys.privateKey,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: wholeSecond(profile.notBefore),
    notAfter: wholeSecond(profile.notAfter),
    extensions: await extensions(profile, keys.publicKey, signer?.publicKey ?? keys.publicKey),
  });
  const keyPem = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" });
  return { certPem: `${certificate.toString("pem")}\n`, keyPem: keyPem.toString() };
}

async function readIssuer({ certPem, keyPem }: Issued) {
  const { subjectName, publicKey } = new x509.X509Certificate(certPem);
  const der = createPrivateKey(keyPem).export({ type: "pkcs8", format: "der" });
  const key = await webcrypto.subtle.importKey("pkcs8", der, keyAlgorithm, false, ["sign"]);
  return { name: subjectName, publicKey, key };
}

async function extensions(
  { authority, names, purposes }: Profile,
  own: webcrypto.CryptoKey,
  issuers: webcrypto.CryptoKey | x509.PublicKey,
): Promise<x509.Extension[]> {
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(authority !== undefined, authority?.pathLength, true),
    new x509.KeyUsagesExtension(authority === undefined ? digitalSignature : keyCertSign | cRLSign, true),
    ...(purposes.length === 0
      ? []
      : [new x509.ExtendedKeyUsageExtension(purposes.map((name) => x509.ExtendedKeyUsage[name]))]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names.map(alternativeName))]),
    await x509.SubjectKeyIdentifierExtension.create(own),
    await x509.AuthorityKeyIdentifierExtension.create(issuers),
  ];
}

function alternativeName(value: string): { type: "ip" | "dns"; value: string } {
  return { type: isIP(value) === 0 ? "dns" : "ip", value };
}

/** Certificates count in seconds; a fraction would be encoded and is not valid DER. */
function wholeSecond(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / 1000) * 1000);
}
