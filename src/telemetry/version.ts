import { existsSync, readFileSync } from "node:fs";

/** The version in package.json, which lies one folder further up in the sources than in what is built from them. */
export function programVersion(): string {
  const places = ["../../package.json", "../../../package.json"].map((place) => new URL(place, import.meta.url));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new Error("package.json is missing from the installation");
  const manifest: unknown = JSON.parse(readFileSync(found, "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error(`${found.pathname} has no version`);
}
