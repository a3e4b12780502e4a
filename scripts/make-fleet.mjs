#!/usr/bin/env node
// Prints examples/fleet.jsonl: one rollout over 500 hosts, the same on every run.
//
//   node scripts/make-fleet.mjs > examples/fleet.jsonl
//
// It runs without the project's build. What looks random comes from hashes of the names.

import { createHash } from "node:crypto";

const release = "26.05.20260528.4ae01fd";
const rolloutId = `stable@${digest("rollout", release).toString("hex").slice(0, 40)}`;

const sites = ["fra1", "ams2", "hel1", "nyc3", "sin1"];

/** How many hosts of a role each site has. */
const roles = [
  { name: "web", count: 24 },
  { name: "node", count: 24 },
  { name: "db", count: 12 },
  { name: "build", count: 10 },
  { name: "cache", count: 8 },
  { name: "edge", count: 6 },
  { name: "kiosk", count: 6 },
  { name: "mon", count: 4 },
  { name: "ns", count: 2 },
  { name: "mail", count: 2 },
  { name: "vpn", count: 2 },
];

/** A host is activated in the first wave whose share it falls into; each wave soaks longer than the one before. */
const waves = [
  { share: 0.05, soakMinutes: 30 },
  { share: 0.3, soakMinutes: 120 },
  { share: 1, soakMinutes: 360 },
];

const plannedAt = Date.UTC(2026, 5, 1, 8, 0, 0);

function digest(...parts) {
  return createHash("sha256").update(parts.join("\0")).digest();
}

/** The alphabet of Nix leaves out e, o, t and u. */
const nixAlphabet = "0123456789abcdfghijklmnpqrsvwxyz";

/** 160 bits as the 32 digits that stand before a name in the Nix store: five bits each, the last bits first. */
function nixBase32(bytes) {
  const digits = [];
  for (let digit = 31; digit >= 0; digit--) {
    const bit = digit * 5;
    const byte = Math.floor(bit / 8);
    const window = bytes[byte] | ((bytes[byte + 1] ?? 0) << 8);
    digits.push(nixAlphabet[(window >> (bit % 8)) & 31]);
  }
  return digits.join("");
}

function hostnames() {
  return sites.flatMap((site) =>
    roles.flatMap(({ name, count }) =>
      Array.from({ length: count }, (_, i) => `${site}-${name}-${String(i + 1).padStart(2, "0")}`),
    ),
  );
}

function waveOf(hostname) {
  const share = digest("wave", hostname).readUInt32BE() / 2 ** 32;
  return waves.findIndex((wave) => share < wave.share);
}

/** With microseconds that do not end in zeros, as the planner's clock gives them. */
function soakDueAt(hostname, wave) {
  const micros = 1 + (digest("soak", hostname).readUInt32BE() % 999);
  const ms = plannedAt + waves[wave].soakMinutes * 60_000 + (digest("jitter", hostname).readUInt32BE() % 60_000);
  return new Date(ms).toISOString().replace("Z", `${String(micros).padStart(3, "0")}Z`);
}

function closure(hostname) {
  const hash = nixBase32(digest("closure", hostname, release).subarray(0, 20));
  return `/nix/store/${hash}-nixos-system-${hostname}-${release}`;
}

const lines = hostnames()
  .map((hostname) => ({ hostname, wave: waveOf(hostname) }))
  .sort((a, b) => a.wave - b.wave)
  .map(({ hostname, wave }) =>
    JSON.stringify({
      hostname,
      rollout_id: rolloutId,
      target_closure: closure(hostname),
      soak_due_at: soakDueAt(hostname, wave),
    }),
  );

process.stdout.write(`${lines.join("\n")}\n`);
