import type { ReactNode } from "react";
import { Icon } from "./icon.js";

/** Where there is nothing to show, and what that means. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** What went wrong, and what can be done. */
export function Trouble({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="trouble" role="alert">
      <Icon name="warning" />
      <div>
        <p className="trouble-title">{title}</p>
        {children}
      </div>
    </div>
  );
}

const skeletonLines = ["first", "second", "third", "fourth"] as const;

/** Stands where something is about to be. */
export function Skeleton({ label }: { readonly label: string }) {
  return (
    <div className="skeleton" role="status" aria-label={label}>
      {skeletonLines.map((line) => (
        <div key={line} />
      ))}
    </div>
  );
}
