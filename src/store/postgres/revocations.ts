import type { Instant } from "../../dispatch/instant.js";
import type { CalledRevocation, RevocationStore } from "../../dispatch/revocation.js";
import type { Database, Session } from "./database.js";
import { textFromInstant } from "./instant-text.js";
import { type Announcement, revocationsWord } from "./notify.js";

/** A later instant revokes more certificates; an earlier one must not let any of them in again. */
const revokeText = `
INSERT INTO revocations AS r (subject, revoked_before, reason, revoked_by, revoked_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (subject) DO UPDATE SET revoked_before = excluded.revoked_before, reason = excluded.reason,
  revoked_by = excluded.revoked_by, revoked_at = excluded.revoked_at
WHERE excluded.revoked_before > r.revoked_before`;

const selectText = "SELECT subject, revoked_before, reason, revoked_by, revoked_at FROM revocations";

export interface WrittenRevocation {
  readonly subject: string;
  readonly revoked_before: Instant;
  readonly reason: string;
  readonly revoked_by: string;
  readonly revoked_at: Instant;
}

/** Revocations in the same database as the queue. Every change is told to the other servers with its commit. */
export class PostgresRevocations implements RevocationStore {
  readonly #database: Database;
  readonly #announcement: Announcement;
  readonly #serverId: string;

  constructor(database: Database, announcement: Announcement, serverId: string) {
    this.#database = database;
    this.#announcement = announcement;
    this.#serverId = serverId;
  }

  async revoke(revocation: CalledRevocation): Promise<CalledRevocation> {
    const { subject, revokedBefore, reason, revokedBy, revokedAt } = revocation;
    const values = [subject, textFromInstant(revokedBefore), reason, revokedBy, textFromInstant(revokedAt)];
    return this.#database.transaction(async (session) => {
      await session.query(revokeText, values);
      await this.#tell(session);
      const { rows } = await session.query<WrittenRevocation>(`${selectText} WHERE subject = $1`, [subject]);
      const [inForce] = rows;
      return inForce === undefined ? revocation : revocationFrom(inForce);
    });
  }

  async restore(subject: string): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const { rowCount } = await session.query("DELETE FROM revocations WHERE subject = $1", [subject]);
      await this.#tell(session);
      return (rowCount ?? 0) > 0;
    });
  }

  async all(): Promise<readonly CalledRevocation[]> {
    const text = `${selectText} ORDER BY subject`;
    return (await this.#database.query<WrittenRevocation>({ name: "revocations", text })).map(revocationFrom);
  }

  async #tell(session: Session): Promise<void> {
    await session.query("SELECT pg_notify($1, $2)", [
      this.#announcement.channel,
      `${this.#serverId} ${revocationsWord}`,
    ]);
  }
}

export function revocationFrom(written: WrittenRevocation): CalledRevocation {
  const { subject, revoked_before: revokedBefore, reason, revoked_by: revokedBy, revoked_at: revokedAt } = written;
  return { subject, revokedBefore, reason, revokedBy, revokedAt };
}
