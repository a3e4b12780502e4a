import type { Branded } from "./brand.js";
import { invalid } from "./errors.js";

/** A path in the Nix store. Advisory: the agent checks it against a signed manifest before it acts. */
export type TargetClosure = Branded<string, "TargetClosure">;

// Looser than Nix, which wants a 32-digit hash in front: what is advisory need not be refused for its looks, only for
// what could hurt whoever prints or passes it on (spaces, quotes, slashes, dots that climb).
const pattern = /^\/nix\/store\/[A-Za-z0-9+_?=-][A-Za-z0-9+._?=-]{0,254}$/;

/** @throws DispatchError `invalid_argument` that names `field` and the rule */
export function parseTargetClosure(value: string, field: string): TargetClosure {
  if (isTargetClosure(value)) return value;
  throw invalid(
    field,
    value === ""
      ? "is required"
      : "must be /nix/store/<name>, the name of letters, digits and +._?=- (1 to 255), not starting with a dot",
  );
}

function isTargetClosure(value: string): value is TargetClosure {
  return pattern.test(value);
}
