import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, sep } from "node:path";

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
}

/** What the page is told of where it is; it stands in `<meta>` elements of its HTML. */
export interface PageFacts {
  /** The dispatch server's address. */
  readonly server: string;
  /** The Common Name of the operator's certificate. */
  readonly operator: string;
}

/** The built page, read once. */
export interface PageFiles {
  /** By its path, such as `/assets/index-4f2a.js`. */
  find(path: string): PageFile | undefined;
  /** For every address of the page. */
  readonly index: PageFile;
  /** For who is not let in: it turns the token of the link into the session, or says how to get a link. */
  readonly door: PageFile;
}

/** Served without a session: the door, and what it needs. */
export const doorPaths: ReadonlySet<string> = new Set(["/open", "/open.js", "/open.css", "/icon.svg"]);

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** @throws Error if the folder does not hold a built page */
export function readPageFiles(folder: string, facts: PageFacts): PageFiles {
  if (!existsSync(join(folder, "index.html"))) throw new Error(`there is no built page in ${folder}: npm run build`);
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const name = `/${path.slice(folder.length).split(sep).filter(Boolean).join("/")}`;
    files.set(name, { type, bytes: readFileSync(path) });
  }
  return {
    find: (path) => files.get(path),
    index: withFacts(required(files, "/index.html"), facts),
    door: required(files, "/open.html"),
  };
}

function required(files: ReadonlyMap<string, PageFile>, name: string): PageFile {
  const file = files.get(name);
  if (file === undefined) throw new Error(`the built page has no ${name}`);
  return file;
}

function withFacts({ type, bytes }: PageFile, facts: PageFacts): PageFile {
  const metas = Object.entries(facts).map(([name, value]) => `<meta name="${name}" content="${escaped(value)}">`);
  return { type, bytes: Buffer.from(bytes.toString("utf8").replace("</head>", () => `${metas.join("")}</head>`)) };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
