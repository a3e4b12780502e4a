import type { CalledRevocation, RevocationStore } from "../dispatch/revocation.js";
import type { RevocationFile } from "./revocation-file.js";

/** A revocation as operators see it; those of the file have no more than subject and instant. */
export type ListedRevocation =
  | ({ readonly source: "call" } & CalledRevocation)
  | { readonly source: "file"; readonly subject: string; readonly revokedBeforeMs: number };

export interface RevocationListOptions {
  /** `undefined` if none is followed. */
  readonly file: RevocationFile | undefined;
  /** `undefined` if the server runs without a database: then only the file counts. */
  readonly store: RevocationStore | undefined;
}

/**
 * Everybody whose certificates do not count (any more), from both sources; of two instants the later counts. It is asked on
 * every request, so it is held in memory; a change is on disk before it is in force and both before it is answered.
 */
export class RevocationList {
  readonly #options: RevocationListOptions;
  readonly #called = new Map<string, CalledRevocation>();
  #tellChange: () => void = () => undefined;
  /** How often a call has changed it here. */
  #changes = 0;

  private constructor(options: RevocationListOptions) {
    this.#options = options;
    options.file?.onChange(() => this.#tellChange());
  }

  static async open(options: RevocationListOptions): Promise<RevocationList> {
    const list = new RevocationList(options);
    for (const revocation of (await options.store?.all()) ?? []) list.#called.set(revocation.subject, revocation);
    return list;
  }

  /** One listener, called after each change. */
  onChange(listener: () => void): void {
    this.#tellChange = listener;
  }

  /** Milliseconds since 1970; `undefined` for who is not revoked. */
  revokedBeforeMs(subject: string): number | undefined {
    const byFile = this.#options.file?.revokedBeforeMs(subject);
    const called = this.#called.get(subject);
    if (called === undefined) return byFile;
    return Math.max(called.revokedBefore / 1_000, byFile ?? 0);
  }

  /** @returns what is in force now, which may be an older call's if that goes further */
  async revoke(store: RevocationStore, revocation: CalledRevocation): Promise<CalledRevocation> {
    const inForce = await store.revoke(revocation);
    this.#called.set(inForce.subject, inForce);
    this.#changes += 1;
    this.#tellChange();
    return inForce;
  }

  /** @returns false if no call has revoked it */
  async restore(store: RevocationStore, subject: string): Promise<boolean> {
    const wasRevoked = await store.restore(subject);
    this.#called.delete(subject);
    this.#changes += 1;
    return wasRevoked;
  }

  /** In the order of the subjects; of one subject the call comes before the file. */
  list(): readonly ListedRevocation[] {
    const called = [...this.#called.values()].map((each) => ({ source: "call" as const, ...each }));
    const filed = [...(this.#options.file?.entries() ?? [])].map(([subject, revokedBeforeMs]) => ({
      source: "file" as const,
      subject,
      revokedBeforeMs,
    }));
    return [...called, ...filed].sort((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0));
  }

  /** Reads from the store what other servers may have changed. */
  async refresh(): Promise<void> {
    const changes = this.#changes;
    const all = (await this.#options.store?.all()) ?? [];
    // What was read may be older than what a call here has changed meanwhile.
    if (changes !== this.#changes) return this.refresh();
    const isSame =
      all.length === this.#called.size && all.every((each) => isEqual(each, this.#called.get(each.subject)));
    if (isSame) return;
    this.#called.clear();
    for (const revocation of all) this.#called.set(revocation.subject, revocation);
    this.#tellChange();
  }

  /** Reads the file again. */
  reload(): void {
    this.#options.file?.reload();
  }

  close(): void {
    this.#options.file?.close();
  }
}

function isEqual(one: CalledRevocation, other: CalledRevocation | undefined): boolean {
  return one.revokedBefore === other?.revokedBefore && one.revokedAt === other.revokedAt;
}
