import { type ErrorReason, errorTable } from "../../src/dispatch/errors.js";

export function isErrorReason(name: string): name is ErrorReason {
  return Object.hasOwn(errorTable, name);
}

/** Every reason, in the order of the table. */
export const errorReasons: readonly ErrorReason[] = Object.keys(errorTable).filter(isErrorReason);
