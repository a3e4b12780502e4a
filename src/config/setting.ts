/**
 * What a row of the settings table is. Flag, variable and TOML key are derived from the row's property name, so that
 * they cannot drift apart: `tlsCert` is `--tls-cert`, `NIXFLEET_DISPATCH_TLS_CERT` and `tls-cert = "…"`.
 */

/** A value breaks the rule of its setting. The message is the rule, to be read after a name: "must be …". */
export class BrokenRule extends Error {}

/** How the values of one kind are written. `T` is the parsed type. */
export interface ValueKind<T> {
  /** How a value looks in help: `HOST:PORT`. Absent for a switch, which takes none. */
  readonly placeholder?: string;
  /** The unit a reader must know, or the words to choose from, or `""`. */
  readonly unit: string;
  /** Every value there is, where they are a few words. */
  readonly words?: readonly string[];
  /** What the TOML file holds: a switch is a boolean, a list an array of strings (or one string). */
  readonly shape: "text" | "integer" | "switch" | "list";
  /**
   * Parses what was written, one element for everything but lists. Relative paths start at `folder`.
   * @throws BrokenRule
   */
  readonly parse: (written: readonly string[], folder: string) => T;
}

/** What a default may depend on. */
export interface DefaultContext {
  /** The folder that everything the program keeps is under, absolute. */
  readonly stateDir: string;
}

export interface Setting<T> {
  readonly kind: ValueKind<T>;
  /** One sentence for help and the reference page, without unit and default. */
  readonly text: string;
  /** The heading it is listed under. */
  readonly heading: string;
  /** The default as a reader sees it; `none` where there is none. */
  readonly defaultText: string;
  readonly fallback: (context: DefaultContext) => T;
}

/** The settings of one TOML table, by property name. Each has `stateDir`, since defaults build on it. */
export interface SettingGroup<S extends Settings = Settings> {
  readonly table: "serve" | "client";
  readonly settings: S;
}

export type Settings = { readonly [property: string]: Setting<unknown> } & { readonly stateDir: Setting<string> };

/** The typed object that a group of settings resolves to. */
export type ConfigOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** Every variable of the program begins with this. */
export const variablePrefix = "NIXFLEET_DISPATCH_";

/** `tlsCert` to `tls-cert`: the TOML key, and the flag without its dashes. */
export function settingKey(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `tlsCert` to `--tls-cert`. */
export function settingFlag(property: string): string {
  return `--${settingKey(property)}`;
}

/** `tlsCert` to `NIXFLEET_DISPATCH_TLS_CERT`. */
export function settingVariable(property: string): string {
  return variablePrefix + settingKey(property).toUpperCase().replaceAll("-", "_");
}
