const maxExcerptLength = 40;

/**
 * What a caller sent, in quotes, fit for an error message and for a log line: at most 40 characters of it, and
 * everything outside printable ASCII escaped.
 */
export function excerpt(text: string): string {
  const quoted = JSON.stringify(text.slice(0, maxExcerptLength)).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > maxExcerptLength ? `${quoted}...` : quoted;
}
