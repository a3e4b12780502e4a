import { statSync } from "node:fs";
import { resolve } from "node:path";
import { type HostPort, parseHostPort } from "./host-port.js";
import { BrokenRule, type ValueKind } from "./setting.js";

/** Lets a kind be absent: the setting is `undefined` when nobody gave it. */
export function optional<T>(kind: ValueKind<T>): ValueKind<T | undefined> {
  return kind;
}

export const hostPort: ValueKind<HostPort> = {
  placeholder: "HOST:PORT",
  unit: "",
  shape: "text",
  parse: ([text = ""]) => parseHostPort(text),
};

/** A `HOST:PORT`, or the word `none`. */
export const hostPortOrNone: ValueKind<HostPort | "none"> = {
  ...hostPort,
  placeholder: "HOST:PORT|none",
  parse: ([text = ""]) => (text === "none" ? "none" : parseHostPort(text)),
};

/** The absolute path of a file that exists. Its contents are read, and judged, by whoever needs them. */
export const file: ValueKind<string> = {
  placeholder: "FILE",
  unit: "",
  shape: "text",
  parse: ([text = ""], folder) => {
    const path = absolute(text, folder);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) throw new BrokenRule("must name a file that exists");
    if (found.isDirectory()) throw new BrokenRule("must name a file, not a folder");
    return path;
  },
};

/** The absolute path of a folder, which need not exist yet. */
export const folder: ValueKind<string> = {
  placeholder: "DIR",
  unit: "",
  shape: "text",
  parse: ([text = ""], base) => absolute(text, base),
};

/** Where the queue is kept: a SQLite file, which need not exist yet, a PostgreSQL database, or nowhere. */
export type DatabaseTarget =
  | { readonly kind: "sqlite"; readonly path: string }
  /** `url` may hold a password. */
  | { readonly kind: "postgres"; readonly url: string }
  | { readonly kind: "none" };

export const database: ValueKind<DatabaseTarget> = {
  placeholder: "FILE|URL|none",
  unit: "",
  shape: "text",
  parse: ([text = ""], base) => {
    if (text === "none") return { kind: "none" };
    if (!isDatabaseUrl(text)) return Object.freeze({ kind: "sqlite", path: absolute(text, base) });
    if (!URL.canParse(text)) throw new BrokenRule("must be a URL such as postgres://user@host:5432/database");
    return Object.freeze({ kind: "postgres", url: text });
  },
};

export function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:/.test(text);
}

/** A word that names a server for people. */
export const serverName: ValueKind<string> = {
  placeholder: "NAME",
  unit: "",
  shape: "text",
  parse: ([text = ""]) => {
    if (/^[\w.:-]{1,100}$/.test(text)) return text;
    throw new BrokenRule("must be 1 to 100 letters, digits and . _ : -");
  },
};

function absolute(text: string, base: string): string {
  // A certificate's text in a variable is a likely mistake, and a key must not end up in an error message.
  if (/[\n\0]|-----BEGIN/.test(text)) throw new BrokenRule("must be the path of a file, not what is in it");
  if (text === "") throw new BrokenRule("must be a path, not empty");
  return resolve(base, text);
}

/** One of a few words. */
export function choice<const T extends string>(placeholder: string, words: readonly T[]): ValueKind<T> {
  return {
    placeholder,
    unit: words.join(", "),
    words,
    shape: "text",
    parse: ([text = ""]) => {
      const word = words.find((candidate) => candidate === text);
      if (word === undefined) throw new BrokenRule(`must be one of ${words.join(", ")}`);
      return word;
    },
  };
}

/** A whole number within bounds, both included. `unit` says what is counted. */
export function wholeNumber(least: number, most: number, unit: string): ValueKind<number> {
  return {
    placeholder: "N",
    unit,
    shape: "integer",
    parse: ([text = ""]) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= least && value <= most) return value;
      throw new BrokenRule(`must be a whole number from ${least} to ${most}`);
    },
  };
}

/** On or off. As a flag it takes no value; a variable says `true`, `1`, `false` or `0`. */
export const onOff: ValueKind<boolean> = {
  unit: "",
  shape: "switch",
  parse: ([text = ""]) => {
    if (/^(true|1)$/.test(text)) return true;
    if (/^(false|0)$/.test(text)) return false;
    throw new BrokenRule("must be true, false, 1 or 0");
  },
};
