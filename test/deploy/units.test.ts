import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { settingKey } from "../../src/config/setting.js";
import { serveGroup } from "../../src/config/settings.js";

const unit = readFileSync("deploy/systemd/nixfleet-dispatch.service", "utf8");
const nixModule = readFileSync("deploy/nixos/nixfleet-dispatch.nix", "utf8");
const settings = new Set(Object.keys(serveGroup.settings).map(settingKey));

/** `Key=value` lines of the service, each key with all its values. */
const service = new Map<string, string[]>();
for (const [, key = "", value = ""] of unit
  .slice(unit.indexOf("[Service]"), unit.indexOf("[Install]"))
  .matchAll(/^(\w+)=(.*)$/gm)) {
  service.set(key, [...(service.get(key) ?? []), value]);
}

const [, serviceConfig = ""] = /serviceConfig = \{\n([\s\S]*?)\n {6}\};/.exec(nixModule) ?? [];
const inNix = new Map(
  [...serviceConfig.matchAll(/^ {8}(\w+) = (.*?);/gm)].map(([, key = "", value = ""]) => [key, value]),
);

describe("the systemd unit and the NixOS module", () => {
  test("set the same things", () => {
    expect(service.size).toBeGreaterThan(30);
    expect([...inNix.keys()].sort()).toEqual([...service.keys()].sort());
  });

  test.each([...service.keys()].filter((key) => !/^(Exec|Load)/.test(key)))("agree about %s", (key) => {
    const written = (service.get(key) ?? []).flatMap((value) => value.split(" ")).filter((word) => word !== "");
    const quoted = [...(inNix.get(key) ?? "").matchAll(/"([^"]*)"/g)]
      .map(([, word = ""]) => word)
      .filter((word) => word !== "");
    const plain = inNix.get(key) ?? "";
    const words = quoted.length > 0 ? quoted : /^(true|\d+)$/.test(plain) ? [plain === "true" ? "yes" : plain] : [];
    expect(words).toEqual(written);
  });

  test("name settings that exist", () => {
    const named = [
      ...[...unit.matchAll(/^# {3}([a-z-]+) = /gm)].map(([, name = ""]) => name),
      ...[...nixModule.matchAll(/^(?:# {6}|# {4}| {4})([a-z]+(?:-[a-z]+)+|strict|listen) = /gm)].map(
        ([, name = ""]) => name,
      ),
    ];
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !settings.has(name))).toEqual([]);
  });

  test("leave a drain the time that it may take", () => {
    const mostMs = 15_000;
    expect(() => serveGroup.settings.drainTimeout.kind.parse(["16s"], "/")).toThrow("15s");
    expect(Number(service.get("TimeoutStopSec")?.[0]) * 1_000).toBeGreaterThan(mostMs);
  });
});
