import type { Log } from "../../src/dispatch/ports.js";

/** What the rules have told the operator, in order. */
export class RecordingLog implements Log {
  readonly lines: { level: keyof Log; fields: Record<string, unknown>; message: string }[] = [];

  error(fields: Record<string, unknown>, message: string): void {
    this.lines.push({ level: "error", fields, message });
  }

  warn(fields: Record<string, unknown>, message: string): void {
    this.lines.push({ level: "warn", fields, message });
  }

  info(fields: Record<string, unknown>, message: string): void {
    this.lines.push({ level: "info", fields, message });
  }

  debug(fields: Record<string, unknown>, message: string): void {
    this.lines.push({ level: "debug", fields, message });
  }

  /** The messages of one level, in order. */
  at(level: keyof Log): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }
}
