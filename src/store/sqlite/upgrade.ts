import { assertOurDatabase, migrateDatabase, migrationState } from "./migrate.js";
import { openDatabase } from "./open.js";

/**
 * Brings a database up to this version's schema, as a start does. All of the migrations, or none.
 *
 * @returns the names of those that were applied
 * @throws StoreOpenError, `held` if a server has it open
 */
export function upgradeDatabase(path: string): readonly string[] {
  const client = openDatabase(path, (opened) => assertOurDatabase(opened, path));
  try {
    const { pending } = migrationState(client);
    migrateDatabase(client);
    return pending;
  } finally {
    client.close();
  }
}
