/** Why the start could not use a database, and what to do about it. Nothing was changed in it. */
const troubles = {
  newer: (where: string) =>
    `${where} was written by a newer nixfleet-dispatch. It was left as it is. Run that version again, or restore the backup from before the upgrade.`,
  foreign: (where: string) =>
    `${where} is another program's database, or one whose migrations this version does not know. It was left as it is. Name another one with --db or --db-url-file.`,
  in_use: (where: string) => `${where} is not empty. Name an empty database, or one that a copy was broken off into.`,
  unfinished: (where: string) =>
    `${where} holds a copy that was broken off. Run \`nixfleet-dispatch db copy\` again: it goes on where it stopped.`,
  too_old: (where: string) => `${where} is a PostgreSQL that is too old.`,
} as const;

export class DatabaseOpenError extends Error {
  override readonly name = "DatabaseOpenError";
  readonly trouble: keyof typeof troubles;

  /** @param where without a password */
  constructor(trouble: keyof typeof troubles, where: string, detail: string, options?: ErrorOptions) {
    super(`${troubles[trouble](where)} (${detail})`, options);
    this.trouble = trouble;
  }
}
