import type { Branded } from "./brand.js";
import { invalid } from "./errors.js";

/** Names one attempt. Only who took the dispatch under a lease knows it. */
export type LeaseToken = Branded<string, "LeaseToken">;

/** Makes a token that cannot be guessed. */
export type NewLeaseToken = () => LeaseToken;

/** The longest lease, in seconds: an agent that works longer extends it. */
export const maxLeaseSeconds = 3_600;

/** In bytes of UTF-8. */
export const maxReasonBytes = 1_024;

/** On what terms a poll takes a dispatch. */
export type TakeTerms =
  /** It counts as delivered at once. */
  | { readonly kind: "once" }
  /** It counts as delivered once receipt is proven; hidden from the host's other polls until then, at most so long. */
  | { readonly kind: "confirmed"; readonly withinMs: number }
  /** It is the agent's until it is acknowledged or rejected, at most so long. */
  | { readonly kind: "lease"; readonly leaseMs: number };

/** @throws DispatchError `invalid_argument` that names `field` and the rule */
export function parseLeaseMs(seconds: number, field: string): number {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= maxLeaseSeconds) return seconds * 1_000;
  throw invalid(field, `must be 1 to ${maxLeaseSeconds}, is ${seconds}`);
}

/** What a caller gave, compared with ours before it counts; empty means none. */
export function parseLeaseToken(value: string, field: string): LeaseToken | undefined {
  if (value === "") return undefined;
  if (isToken(value)) return value;
  throw invalid(field, "must be the token of a lease: 22 letters, digits, - and _");
}

/** @throws DispatchError `invalid_argument` that names `field` and the rule */
export function parseReason(value: string, field: string): string {
  const bytes = new TextEncoder().encode(value).length;
  if (bytes <= maxReasonBytes) return value;
  throw invalid(field, `must have at most ${maxReasonBytes} bytes of UTF-8, has ${bytes}`);
}

/** 128 bits, in base64url. */
function isToken(value: string): value is LeaseToken {
  return /^[\w-]{22}$/.test(value);
}

/** @param random 16 random bytes, from a source that cannot be guessed */
export function leaseTokenFrom(random: Uint8Array): LeaseToken {
  // Not by Buffer: browsers have none, and this file is among those that the operator's page rests on.
  const base64 = btoa(String.fromCodePoint(...random));
  const token = base64.replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
  if (!isToken(token)) throw new Error(`${random.length} bytes make no token`);
  return token;
}
