import type { Branded } from "./brand.js";
import { invalid } from "./errors.js";

/** `<channel>@<ref>`, for example `stable@a1b2c3d4`. */
export type RolloutId = Branded<string, "RolloutId">;

const pattern = /^[a-z0-9_-]{1,64}@[0-9a-f]{1,64}$/;

/** @throws DispatchError `invalid_argument` that names `field` and the rule */
export function parseRolloutId(value: string, field: string): RolloutId {
  if (isRolloutId(value)) return value;
  throw invalid(
    field,
    value === ""
      ? "is required"
      : "must be <channel>@<ref>, the channel of a-z, 0-9, _ and - (1 to 64), the ref of lower-case hex digits (1 to 64)",
  );
}

function isRolloutId(value: string): value is RolloutId {
  return pattern.test(value);
}

/** The part before the `@`. */
export function channelOf(rolloutId: RolloutId): string {
  return rolloutId.slice(0, rolloutId.indexOf("@"));
}
