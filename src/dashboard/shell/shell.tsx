import { type ReactNode, useRef } from "react";
import { pageFact } from "../api.js";
import { useFleet } from "../live-fleet.js";
import { hrefOf, Link, usePlace } from "../router.js";
import { Icon, type IconName } from "../ui/icon.js";
import { ConditionBanner, ConditionChip } from "./condition.js";
import { HelpDialog } from "./help.js";
import { useShortcuts } from "./shortcuts.js";
import { ThemeButton } from "./theme.js";

interface Section {
  readonly name: string;
  readonly href: string;
  readonly icon: IconName;
  /** First parts of the addresses under it. */
  readonly under: readonly string[];
}

const sections: readonly Section[] = [
  { name: "Now", href: "/", icon: "now", under: ["", "now"] },
  { name: "Rollouts", href: hrefOf("rollouts"), icon: "rollouts", under: ["rollouts", "dispatches"] },
  { name: "Hosts", href: hrefOf("hosts"), icon: "hosts", under: ["hosts"] },
  { name: "Live", href: hrefOf("live"), icon: "live", under: ["live"] },
  { name: "Enqueue", href: hrefOf("enqueue"), icon: "enqueue", under: ["enqueue"] },
];

/** What is around every view: where one can go, how the page stands to the server, who acts. */
export function Shell({ children }: { readonly children: ReactNode }) {
  const help = useRef<HTMLDialogElement>(null);
  useShortcuts(() => help.current?.showModal());
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="top">
        <Link className="brand" href="/" aria-label="nixfleet-dispatch, Now">
          <img src="/icon.svg" alt="" width="24" height="24" />
          <span>nixfleet-dispatch</span>
        </Link>
        <ConditionChip />
        <span className="top-gap" />
        <ThemeButton />
        <button
          type="button"
          className="quiet"
          aria-label="Help and keyboard shortcuts"
          title="Help (?)"
          onClick={() => help.current?.showModal()}
        >
          <Icon name="help" />
        </button>
      </header>
      <Navigation />
      <main id="content" tabIndex={-1}>
        <ConditionBanner />
        {children}
      </main>
      <HelpDialog dialog={help} />
    </div>
  );
}

function Navigation() {
  const [here = ""] = usePlace().path;
  const { server } = useFleet();
  return (
    <nav className="side" aria-label="Views">
      <ul>
        {sections.map(({ name, href, icon, under }) => (
          <li key={name}>
            <Link href={href} aria-current={under.includes(here) ? "page" : undefined}>
              <Icon name={icon} />
              {name}
            </Link>
          </li>
        ))}
      </ul>
      <dl className="about">
        <dt>Server</dt>
        <dd title={pageFact("server")}>{pageFact("server").replace(/^https:\/\//, "") || location.host}</dd>
        <dt>You act as</dt>
        <dd>{pageFact("operator") || "the operator"}</dd>
        {server !== undefined && (
          <>
            <dt>Version</dt>
            <dd>{server.version}</dd>
          </>
        )}
      </dl>
    </nav>
  );
}
