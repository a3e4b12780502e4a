import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

/** Where the page is: every view has an address of its own, filters included. */
export interface Place {
  /** Decoded, without empty ones: `["rollouts", "stable@a1b2"]`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function usePlace(): Place {
  const href = useSyncExternalStore(subscribe, () => `${location.pathname}${location.search}`);
  const { pathname, searchParams } = new URL(href, location.origin);
  return { path: pathname.split("/").filter(Boolean).map(decodeURIComponent), query: searchParams };
}

/** @param how `replace` for what the Back button should not stop at, such as each letter of a search */
export function go(href: string, how: "push" | "replace" = "push"): void {
  if (how === "push") history.pushState(null, "", href);
  else history.replaceState(null, "", href);
  for (const listener of listeners) listener();
  if (how === "push") window.scrollTo(0, 0);
}

/** Sets or, with an empty value, removes one parameter of the present place. */
export function setQuery(name: string, value: string): void {
  const url = new URL(location.href);
  if (value === "") url.searchParams.delete(name);
  else url.searchParams.set(name, value);
  go(`${url.pathname}${url.search}`, "replace");
}

/** `/rollouts/stable@a1b2`. */
export function hrefOf(...path: readonly string[]): string {
  return `/${path.map((part) => encodeURIComponent(part).replaceAll("%40", "@")).join("/")}`;
}

type LinkProps = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> & { readonly href: string };

/** A link within the page; with a modifier key it opens as any other link does. */
export function Link({ href, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
  };
  return <a {...rest} href={href} onClick={follow} />;
}
