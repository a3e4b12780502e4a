import type { Command } from "commander";

/** The options of a command as the user wrote them. */
export interface WrittenOptions {
  /** `undefined` if it was not given. */
  text(name: string): string | undefined;
  isOn(name: string): boolean;
  /** Of an option that may be given several times. */
  list(name: string): readonly string[];
}

/** @param command inside its action */
export function writtenOptions(command: Command): WrittenOptions {
  const options: Readonly<Record<string, unknown>> = command.opts();
  return {
    text: (name) => {
      const value = options[name];
      return typeof value === "string" ? value : undefined;
    },
    isOn: (name) => options[name] === true,
    list: (name) => {
      const value = options[name];
      return Array.isArray(value) ? value.map(String) : [];
    },
  };
}
