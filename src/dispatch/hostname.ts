import type { Branded } from "./brand.js";
import { invalid } from "./errors.js";

/** A host, which is also the machine id of its agent: RFC 1123 labels joined by dots, lower case, at most 253 characters. */
export type Hostname = Branded<string, "Hostname">;

const pattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

export function isHostname(value: string): value is Hostname {
  return value.length <= 253 && pattern.test(value);
}

/** @throws DispatchError `invalid_argument` that names `field` and the rule */
export function parseHostname(value: string, field: string): Hostname {
  if (isHostname(value)) return value;
  throw invalid(
    field,
    value === ""
      ? "is required"
      : "must be RFC 1123 labels joined by dots, lower case, each 1 to 63 characters, at most 253 in all",
  );
}
