import type { Moment } from "../../dispatch/instant.js";
import { textFromInstant } from "./instant-text.js";

/**
 * The database's clock decides, in each statement that needs one: `coalesce($1, clock_timestamp())`, read once. It is one for
 * all servers, so leases end at one time for all. Tests pass a clock of their own here.
 */
export type MomentSource = () => Moment | undefined;

/** What goes in as `$1`, `$2`: wall and steady clock, or `null` for the database's. */
export function momentParameters(source: MomentSource): [string | null, string | null] {
  const moment = source();
  return moment === undefined ? [null, null] : [textFromInstant(moment.now), textFromInstant(moment.steady)];
}
