const esc = String.fromCharCode(0x1b);
const csi = String.fromCharCode(0x9b);
const bell = String.fromCharCode(0x07);

/** Colours and movements (CSI), and titles and links (OSC). No module of Node.js does it: browsers read this file too. */
const sequences = new RegExp(
  [
    `${esc}\\][^${bell}${esc}]*(?:${bell}|${esc}\\\\)`,
    `(?:${esc}\\[|${csi})[0-?]*[ -/]*[@-~]`,
    `${esc}[ -/]*[0-~]`,
  ].join("|"),
  "g",
);

/** Control characters, which a server's message or a file's name may hold, must not reach a terminal or break a line. */
export function oneLine(text: string): string {
  return text.replace(sequences, "").replace(/\p{Cc}+/gu, " ");
}
