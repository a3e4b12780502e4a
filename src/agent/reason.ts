/** What the server takes at most, in bytes of UTF-8. */
const maxReasonBytes = 1_024;

/** Cut after the last whole character that fits. Half characters, which UTF-16 can hold, become U+FFFD. */
export function truncateReason(text: string): string {
  const bytes = new Uint8Array(maxReasonBytes);
  const { written } = new TextEncoder().encodeInto(text, bytes);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, written));
}

/** The last line that says something; of an error that says nothing, its name. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const name = thrown instanceof Error ? thrown.name : "";
  return (
    text
      .split(/[\r\n]+/)
      .findLast((line) => line.trim() !== "")
      ?.trim() ?? name
  );
}
