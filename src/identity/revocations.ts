/** Subject (machine id or operator name) to the instant before which its certificates do not count, in ms since 1970. */
export type Revocations = ReadonlyMap<string, number>;

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads a JSON object such as `{"web-01": "2026-05-16T01:30:00Z"}`.
 *
 * @throws Error that names the entry and the rule
 */
export function parseRevocations(text: string): Revocations {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error('must be a JSON object such as {"web-01": "2026-05-16T01:30:00Z"}');
  }
  return new Map(
    Object.entries(value).map(([subject, instant]) => [parseSubject(subject), parseInstantMs(subject, instant)]),
  );
}

/** An entry that could never match anybody would look like a revocation and not be one. */
function parseSubject(subject: string): string {
  if (isSubject(subject)) return subject;
  throw new Error(`"${subject}": ${subjectRule}`);
}

export const subjectRule = "must be a machine id or an operator's Common Name, of a-z, 0-9, dots and hyphens";

export function isSubject(subject: string): boolean {
  return /^[a-z0-9.-]{1,253}$/.test(subject);
}

function parseInstantMs(subject: string, instant: unknown): number {
  const ms = typeof instant === "string" && rfc3339.test(instant) ? Date.parse(instant) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error(`"${subject}": must be an RFC 3339 instant such as 2026-05-16T01:30:00Z`);
  return ms;
}
