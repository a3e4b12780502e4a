/** What is done to a queue's file from outside of its server: looked through, backed up, brought up to date. */
export { BackupRefused, backUpDatabase } from "../store/sqlite/backup.js";
export { type Counts, type Inspection, inspectDatabase } from "../store/sqlite/inspect.js";
export { upgradeDatabase } from "../store/sqlite/upgrade.js";
