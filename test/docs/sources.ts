import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every module of src/ with its text. */
export const sources: readonly { readonly path: string; readonly text: string }[] = readdirSync("src", {
  recursive: true,
  encoding: "utf8",
})
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join("src", name))
  .map((path) => ({ path, text: readFileSync(path, "utf8") }));

/** Every page for people, with its text. */
export const pages: readonly { readonly path: string; readonly text: string }[] = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md"],
  ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => join("docs", name)),
]
  .filter((path) => path.endsWith(".md"))
  .map((path) => ({ path, text: readFileSync(path, "utf8") }));

/** What stands between backquotes in prose. */
export function codeSpans(page: string): string[] {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}
