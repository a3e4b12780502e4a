import { useSyncExternalStore } from "react";

/** What this browser remembers. */
const defaults = {
  /** How far back dispatches that are done are shown, in hours. */
  window: "24",
  /** Empty: as the system has it. */
  theme: "",
  shortcuts: "on",
} as const satisfies Record<string, string>;

export type SettingName = keyof typeof defaults;

const listeners = new Set<() => void>();

export function getSetting(name: SettingName): string {
  return localStorage.getItem(name) ?? defaults[name];
}

export function setSetting(name: SettingName, value: string): void {
  localStorage.setItem(name, value);
  if (name === "theme") applyTheme(value);
  for (const listener of listeners) listener();
}

export function useSetting(name: SettingName): readonly [string, (value: string) => void] {
  const value = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => getSetting(name),
  );
  return [value, (next) => setSetting(name, next)];
}

function applyTheme(theme: string): void {
  if (theme === "") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** What is shown now. */
export function isDark(): boolean {
  const theme = getSetting("theme");
  return theme === "" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}
