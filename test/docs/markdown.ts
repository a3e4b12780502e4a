/** A fenced block, and what the HTML comment right above it says of it, such as `checked` or `prints`. */
export interface Fence {
  readonly mark: string;
  readonly language: string;
  readonly text: string;
  /** The number of the line with its opening fence. */
  readonly line: number;
}

const pattern = /(?:^<!-- ([a-z]+) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm;

export function fencesIn(page: string): Fence[] {
  return [...page.matchAll(pattern)].map(({ index, 1: mark = "", 2: language = "", 3: text = "" }) => ({
    mark,
    language,
    text,
    line: page.slice(0, index).split("\n").length + (mark === "" ? 0 : 1),
  }));
}

/** The cells of the only table whose first column has this heading. */
export function tableRows(page: string, heading: string): string[][] {
  const lines = page.split("\n");
  const starts = lines.flatMap((line, i) => (line.startsWith(`| ${heading} |`) ? [i] : []));
  const [start] = starts;
  if (start === undefined || starts.length > 1) throw new Error(`${starts.length} tables begin with | ${heading} |`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end < 0 ? undefined : end).map(cellsOf);
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** The text from a heading to the next one of the same or a higher level. */
export function section(page: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0;
  const start = page.indexOf(`\n${heading}\n`);
  if (level === 0 || start < 0) throw new Error(`there is no ${heading}`);
  const body = page.slice(start + heading.length + 2);
  const end = body.search(new RegExp(`^#{1,${level}} `, "m"));
  return end < 0 ? body : body.slice(0, end);
}

/** Targets of the links of a page, without those within code. */
export function linksIn(page: string): string[] {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** As on the web sites that show these pages: `## Exit codes` is `#exit-codes`. */
export function anchorsIn(page: string): string[] {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
