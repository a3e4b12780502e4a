import { settingVariable, variablePrefix } from "./setting.js";
import { settingGroups } from "./settings.js";
import { nearest } from "./suggest.js";

/** Variables of the program that are no settings. */
export const otherVariables = {
  config: `${variablePrefix}CONFIG`,
  debug: `${variablePrefix}DEBUG`,
  /** For tests: where to die; see `telemetry/fail-points.ts`. */
  failPoint: `${variablePrefix}FAILPOINT`,
} as const;

/** One warning for each `NIXFLEET_DISPATCH_*` variable that means nothing, such as a misspelt one. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>(Object.values(otherVariables));
  for (const { settings } of settingGroups) {
    for (const property of Object.keys(settings)) known.add(settingVariable(property));
  }
  return Object.keys(env)
    .filter((name) => name.startsWith(variablePrefix) && !known.has(name))
    .map((name) => {
      const meant = nearest(
        name.slice(variablePrefix.length),
        [...known].map((other) => other.slice(variablePrefix.length)),
      );
      return `unknown variable ${name}${meant ? `; did you mean ${variablePrefix}${meant}?` : ""}`;
    });
}
