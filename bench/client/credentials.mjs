// As whom a client comes.

import { readCertificates } from "../support/certificates.mjs";

export class Credentials {
  #path;
  #read;

  /** @param path of a file of `support/make-certificates.mjs`; `undefined` for plain TCP */
  constructor(path) {
    this.#path = path;
  }

  /** @param who the number of an agent, or `operator`. @returns for `openWire` */
  of(who) {
    if (this.#path === undefined) return undefined;
    this.#read ??= readCertificates(this.#path);
    const { certPem, keyPem } = who === "operator" ? this.#read.operator : this.#read.agents[who];
    return { cert: certPem, key: keyPem, ca: this.#read.ca.certPem };
  }
}
