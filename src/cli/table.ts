import { stripVTControlCharacters } from "node:util";

/** Rows under headings, each column as wide as its widest cell. Colours in cells do not count. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) =>
    lines.reduce((most, line) => Math.max(most, width(line[column] ?? "")), 0),
  );
  return lines.map((line) => formatRow(line, widths)).join("\n");
}

function formatRow(cells: readonly string[], widths: readonly number[]): string {
  const padded = widths.map((columnWidth, column) => {
    const cell = cells[column] ?? "";
    return cell + " ".repeat(columnWidth - width(cell));
  });
  return padded.join("  ").trimEnd();
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}
