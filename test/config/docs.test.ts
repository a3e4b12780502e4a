import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type SettingRow, settingRows } from "../../src/config/reference.js";
import { serveGroup, settingGroups } from "../../src/config/settings.js";
import { otherVariables } from "../../src/config/variables.js";

const path = fileURLToPath(new URL("../../docs/configuration.md", import.meta.url));
const page = readFileSync(path, "utf8");

test("docs/configuration.md shows each setting as it is", async () => {
  const written = settingGroups.reduce(
    (text, group) => withTable(text, group.table, markdownTable(settingRows(group))),
    page,
  );
  await expect(written).toMatchFileSnapshot(path);
});

test("docs/configuration.md names each variable that is no setting", () => {
  expect(Object.values(otherVariables).filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
});

test("a setting has one name everywhere, and no two settings of a table share it", () => {
  for (const group of settingGroups) {
    const flags = settingRows(group).map(({ flag }) => flag.split(" ")[0]);
    expect(new Set(flags).size).toBe(flags.length);
  }
  const tlsCert = settingRows(serveGroup).find(({ toml }) => toml === "serve.tls-cert");
  expect(tlsCert).toEqual({
    heading: "Certificates",
    flag: "--tls-cert FILE",
    env: "NIXFLEET_DISPATCH_TLS_CERT",
    toml: "serve.tls-cert",
    unit: "",
    default: "none",
    text: "The server's certificate (PEM), with its chain. Needs tls-key.",
  });
});

/** The page with what stands between the markers of a table replaced. */
function withTable(text: string, table: string, markdown: string): string {
  const section = new RegExp(`(<!-- ${table}:[^\\n]*-->\\n)[\\s\\S]*?(<!-- end -->)`);
  if (!section.test(text)) throw new Error(`the page has no markers for ${table}`);
  return text.replace(section, (_, start: string, end: string) => `${start}${markdown}\n${end}`);
}

function markdownTable(rows: readonly SettingRow[]): string {
  const lines = rows.map(({ flag, env, default: fallback, unit, text }) => {
    return `| ${code(flag)}<br>${code(env)} | ${defaultCell(fallback)} | ${unit} | ${text} |`;
  });
  return ["| Setting | Default | Unit or values | Meaning |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

/** A bar would end the cell, even within backquotes. */
function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function defaultCell(text: string): string {
  return text === "none" || text.includes(", else ") ? text : code(text);
}
