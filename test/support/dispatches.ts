import { parseTargetClosure } from "../../src/dispatch/closure.js";
import type { NewDispatch } from "../../src/dispatch/dispatch.js";
import { type Hostname, parseHostname } from "../../src/dispatch/hostname.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import { parseRolloutId } from "../../src/dispatch/rollout.js";

export function host(name: string): Hostname {
  return parseHostname(name, "hostname");
}

export function newDispatch(hostname: string, rollout = "stable@a1b2c3d4", closureName?: string): NewDispatch {
  return {
    hostname: host(hostname),
    rolloutId: parseRolloutId(rollout, "rollout_id"),
    targetClosure: parseTargetClosure(`/nix/store/${closureName ?? `0x-nixos-system-${hostname}-26.05`}`, "closure"),
    soakDueAt: instantFromMs(Date.UTC(2026, 4, 16, 1, 30)),
  };
}
