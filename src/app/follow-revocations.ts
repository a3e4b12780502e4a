import type { Neighbours } from "../dispatch/neighbours.js";
import type { Cancel, Clock, Log } from "../dispatch/ports.js";
import type { RevocationList } from "../identity/revocation-list.js";

/** A revocation that was made at another server is in force here after so long at most, whatever became of the hint. */
const refreshMs = 3_000;

/** Keeps the list as the other servers make it: at once by their hints, and by looking again and again. */
export function followRevocations(
  revocations: Pick<RevocationList, "refresh">,
  neighbours: Neighbours,
  { clock, log }: { readonly clock: Pick<Clock, "after">; readonly log: Log },
): Cancel {
  let cancel: Cancel = () => undefined;
  let isOver = false;
  const refresh = () => {
    revocations.refresh().catch((error: unknown) => {
      // What is known stays in force.
      log.debug({ err: error }, "the other servers' revocations could not be read; it is tried again");
    });
  };
  const later = () => {
    if (isOver) return;
    cancel = clock.after(refreshMs, () => {
      refresh();
      later();
    });
  };
  neighbours.listen({ revoked: refresh, missed: refresh });
  later();
  return () => {
    isOver = true;
    cancel();
  };
}
