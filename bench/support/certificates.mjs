// The certificates of `make-certificates.mjs`, for those who use them: what makes them takes a third of a second to load.

import { readFileSync } from "node:fs";

/** @param path of such a file */
export function readCertificates(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** For both the product and the floor. */
export function serverTls({ ca, server }) {
  return { cert: server.certPem, key: server.keyPem, clientCa: ca.certPem };
}
