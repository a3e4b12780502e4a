import { useEffect } from "react";
import { go, hrefOf } from "../router.js";
import { getSetting } from "../settings.js";
import { nextTheme } from "./theme.js";

export interface Shortcut {
  readonly keys: string;
  readonly does: string;
}

export const shortcuts: readonly Shortcut[] = [
  { keys: "g n", does: "Now" },
  { keys: "g r", does: "Rollouts" },
  { keys: "g h", does: "Hosts" },
  { keys: "g l", does: "Live" },
  { keys: "g e", does: "Enqueue" },
  { keys: "/", does: "Search" },
  { keys: "↑ ↓", does: "Line by line through a list; Enter opens" },
  { keys: "p", does: "Pause the event stream in Live" },
  { keys: "t", does: "Light, dark, or as the system has it" },
  { keys: "?", does: "This help" },
];

const places: Readonly<Record<string, string>> = {
  n: "/",
  r: hrefOf("rollouts"),
  h: hrefOf("hosts"),
  l: hrefOf("live"),
  e: hrefOf("enqueue"),
};

/** Letters alone, so they count only where nobody types, and can be turned off. */
export function useShortcuts(showHelp: () => void): void {
  useEffect(() => {
    let isGoing = false;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (getSetting("shortcuts") === "off" || document.querySelector("dialog[open]") !== null) return;
      const place = isGoing ? places[event.key] : undefined;
      isGoing = event.key === "g";
      const act = place === undefined ? actionOf(event.key, showHelp) : () => go(place);
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [showHelp]);
}

function actionOf(key: string, showHelp: () => void): (() => void) | undefined {
  if (key === "?") return showHelp;
  if (key === "t") return nextTheme;
  const control = document.querySelector<HTMLElement>(`[data-shortcut="${CSS.escape(key)}"]`);
  if (control === null) return undefined;
  return control instanceof HTMLInputElement ? () => control.focus() : () => control.click();
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}
