import { isHostname } from "../dispatch/hostname.js";
import { BrokenRule, type ValueKind } from "./setting.js";

export const domain: ValueKind<string> = {
  placeholder: "DOMAIN",
  unit: "",
  shape: "text",
  parse: ([text = ""]) => {
    if (isHostname(text)) return text;
    throw new BrokenRule("must be a domain name in lower case, such as fleet.lab.internal");
  },
};

/** Patterns for the Common Names of operators: exact, or with one `*` that stands for any characters. */
export const commonNamePatterns: ValueKind<readonly string[]> = {
  placeholder: "PATTERN",
  unit: "",
  shape: "list",
  parse: (written) => {
    if (written.length === 0) throw new BrokenRule("must hold at least one pattern");
    return Object.freeze(written.map(parsePattern));
  },
};

function parsePattern(text: string): string {
  if (text === "*") throw new BrokenRule("must not be * alone, which would make every agent an operator");
  if (!/^[\x21-\x7e][\x20-\x7e]*$/.test(text) || text.split("*").length > 2) {
    throw new BrokenRule("must be a Common Name in printable ASCII with at most one *, such as operator-*");
  }
  return text;
}

/** The server's address for clients: `https://HOST[:PORT]`, without a path. */
export const serverUrl: ValueKind<string> = {
  placeholder: "URL",
  unit: "",
  shape: "text",
  parse: ([text = ""]) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const bare =
      url !== undefined && url.pathname === "/" && url.search + url.hash + url.username + url.password === "";
    if (url?.protocol === "https:" && bare) return url.origin;
    throw new BrokenRule("must be https://HOST or https://HOST:PORT, without a path");
  },
};
