import { expect } from "vitest";
import type { TestPki } from "./pki.js";
import { type Finished, runProgram } from "./server.js";

/** Flags with which `serve` starts well, so that a test spoils exactly one thing. Names of flags without dashes. */
export function goodFlags(pki: TestPki, db = "none"): Record<string, string> {
  return {
    listen: "127.0.0.1:0",
    "admin-listen": "127.0.0.1:0",
    db,
    "tls-cert": pki.path("server.crt"),
    "tls-key": pki.path("server.key"),
    "client-ca": pki.path("ca.crt"),
  };
}

export interface BadStart extends Omit<NonNullable<Parameters<typeof runProgram>[1]>, "stdin"> {
  readonly flags: Readonly<Record<string, string>>;
  /** Further words of the command line. */
  readonly more?: readonly string[];
}

export interface Refusal {
  readonly code: number | null;
  /** What stands behind `error: `. */
  readonly error: string;
  readonly hint: string | undefined;
}

/**
 * Runs `serve` with flags that must not work. Whatever the trouble is: nothing on stdout, one `error:` line, at most one
 * `hint:` line, log lines of JSON, and no stack trace.
 */
export async function refusedStart({ flags, more = [], ...options }: BadStart): Promise<Refusal> {
  return refusalIn(await runProgram(["serve", ...wordsOf(flags), "--json", ...more], options));
}

export function wordsOf(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
}

export function refusalIn({ code, stdout, stderr }: Finished): Refusal {
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  const [error = "", hint, ...rest] = lines;
  expect({ stdout, error, rest }).toEqual({ stdout: "", error: expect.stringMatching(/^error: ./), rest: [] });
  if (hint !== undefined) expect(hint).toMatch(/^hint: ./);
  return { code, error: error.slice("error: ".length), hint: hint?.slice("hint: ".length) };
}
