import type { Profile } from "../../src/pki/profile.js";

/**
 * Certificates that no honest authority of this project makes, each as a change to a good profile:
 * `issue(odd.expired(agentProfile(…)), authority)`.
 */
export const odd = {
  twoCommonNames: (profile: Profile, second: string): Profile => ({
    ...profile,
    subject: [...profile.subject, { type: "CN", value: second }],
  }),
  commonName: (profile: Profile, value: string): Profile => ({ ...profile, subject: [{ type: "CN", value }] }),
  /** `web-01` becomes `web-01\0evil`. */
  nulInCommonName: (profile: Profile): Profile => ({
    ...profile,
    subject: profile.subject.map(({ type, value }) => ({ type, value: `${value}\0evil` })),
  }),
  noCommonName: (profile: Profile): Profile => ({ ...profile, subject: [{ type: "O", value: "no name" }] }),
  emptySubject: (profile: Profile): Profile => ({ ...profile, subject: [] }),
  expired: (profile: Profile): Profile => ({
    ...profile,
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: new Date("2020-01-02T00:00:00Z"),
  }),
  notYetValid: (profile: Profile): Profile => ({
    ...profile,
    notBefore: new Date("2090-01-01T00:00:00Z"),
    notAfter: new Date("2090-01-02T00:00:00Z"),
  }),
  noPurpose: (profile: Profile): Profile => ({ ...profile, purposes: [] }),
  serverOnly: (profile: Profile): Profile => ({ ...profile, purposes: ["serverAuth"] }),
  /** An authority that may sign as many further authorities as it likes. */
  unlimitedAuthority: (profile: Profile): Profile => ({ ...profile, authority: {} }),
} as const;
