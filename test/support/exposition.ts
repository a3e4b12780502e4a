/** One metric of Prometheus's text format, with its samples. */
export interface Family {
  readonly type: string;
  readonly help: string;
  /** Names of the labels that its samples have, without `le` and `quantile`. */
  readonly labels: ReadonlySet<string>;
  /** What is behind the name (`_bucket`, `_sum`, `_count` or nothing), the labels as they are written, the value. */
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format, strictly: a line that is none of it is an error. */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { type: string; help: string; labels: Set<string>; samples: Sample[] }>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, keyword, about = "", rest = ""] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      if (families.has(about)) throw new Error(`${about} is there twice`);
      families.set(about, { type: "", help: rest, labels: new Set(), samples: [] });
    } else if (keyword === "TYPE") {
      const family = families.get(about);
      if (family === undefined) throw new Error(`${about} has no help`);
      family.type = rest;
    } else {
      readSample(line, families);
    }
  }
  return families;
}

function readSample(line: string, families: Map<string, { labels: Set<string>; samples: Sample[] }>): void {
  const [, name = "", inBraces = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const [, base = "", suffix = ""] = families.has(name)
    ? ["", name, ""]
    : (/^(\w+?)(_bucket|_sum|_count)$/.exec(name) ?? []);
  const family = families.get(base);
  if (family === undefined || value === undefined) throw new Error(`not understood: ${line}`);
  const pairs = [...inBraces.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", text = ""]) => [label, text]);
  const labels: Record<string, string> = Object.fromEntries(pairs);
  for (const label of Object.keys(labels)) if (label !== "le") family.labels.add(label);
  family.samples.push({ suffix, labels, value: Number(value.replace("+Inf", "Infinity")) });
}

/** The sum of the samples whose labels are these, and perhaps others. */
export function valueIn(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
  suffix = "",
): number {
  const matching = (families.get(name)?.samples ?? []).filter(
    (sample) =>
      sample.suffix === suffix && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  );
  if (matching.length === 0) throw new Error(`there is no ${name}${suffix} ${JSON.stringify(labels)}`);
  return matching.reduce((sum, { value }) => sum + value, 0);
}
