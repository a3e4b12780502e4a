import { type ReactNode, useEffect } from "react";
import { Link } from "../router.js";
import { Icon } from "../ui/icon.js";

interface HeadingProps {
  readonly title: string;
  /** The view that this one is under. */
  readonly up?: { readonly href: string; readonly name: string };
  /** Beside the title. */
  readonly children?: ReactNode;
}

/** The title of a view, in the page and in the browser's tab. */
export function Heading({ title, up, children }: HeadingProps) {
  useEffect(() => {
    document.title = `${title} – nixfleet-dispatch`;
  }, [title]);
  return (
    <div className="heading">
      {up !== undefined && (
        <Link className="up" href={up.href}>
          <Icon name="back" size={14} />
          {up.name}
        </Link>
      )}
      <h1>{title}</h1>
      <div className="heading-more">{children}</div>
    </div>
  );
}
