import type { OutputStream } from "../io.js";

/** How many characters a line may have; `undefined` where nobody looks, and everything is to be shown. */
export function lineWidth({ isTTY, columns }: OutputStream): number | undefined {
  return isTTY === true ? (columns ?? 80) : undefined;
}

/** No shorter than this, however narrow the terminal is: less would say nothing. */
const leastWidth = 16;

/** How much of the hash is left when a closure is shortened: enough to tell two of them apart. */
const hashLetters = 7;

/**
 * A path in the Nix store in at most `width` characters: first without the folder, which is the same for all, then without
 * the middle. `/nix/store/0c6kzph2…-nixos-system-web-01-26.05` becomes `0c6kzph…system-web-01-26.05`.
 */
export function shortenClosure(path: string, width: number | undefined): string {
  if (width === undefined || path.length <= width) return path;
  const most = Math.max(width, leastWidth);
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name.length <= most) return name;
  return `${name.slice(0, hashLetters)}…${name.slice(name.length - (most - hashLetters - 1))}`;
}

/** The beginning of a text, in at most `width` characters. */
export function shortenEnd(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
