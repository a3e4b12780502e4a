/** What an expression of PromQL asks for. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly text: string }[];
}

/** The metrics that an expression names, each with what it wants of its labels. */
export function selectorsIn(expr: string): Selector[] {
  const names = [...expr.matchAll(/(?<![\w"$])([a-z_][a-z0-9_]*)(?=\s*(?:\{|\[|[-+*/<>=)]|$|\s))(?:\{([^}]*)\})?/g)];
  return names
    .filter(([, name = ""]) => /^(nixfleet_dispatch|nodejs|process)_|^up$/.test(name))
    .map(([, metric = "", inBraces = ""]) => ({
      metric,
      matchers: [...inBraces.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
        ([, label = "", operator = "", text = ""]) => ({ label, operator, text }),
      ),
    }));
}

/** The labels that an expression groups by. */
export function groupingsIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, labels = ""]) =>
    labels.split(",").map((label) => label.trim()),
  );
}
