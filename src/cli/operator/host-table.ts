import { type Instant, instantToMs } from "../../dispatch/instant.js";
import { formatDuration, formatElapsed } from "../../words/elapsed.js";
import type { KnownHost } from "../../words/record.js";
import { dateOf } from "../../words/times.js";
import { paintState } from "../history/style.js";
import type { Io } from "../io.js";
import { paint } from "../output.js";
import { formatTable } from "../table.js";
import type { KnownHostReport } from "./host-report.js";
import { lineWidth, shortenEnd } from "./shorten.js";

const headings = [
  ...["HOST", "PARKED", "LAST SEEN", "ADDRESS", "WIRE", "AGENT", "CERTIFICATE ENDS", "PENDING"],
  ...["LAST DISPATCH", "STATE", "SINCE"],
] as const;

/** A certificate that ends within this time is worth a look, in milliseconds. */
const endsSoonMs = 14 * 24 * 60 * 60 * 1_000;

/** A `User-Agent` can be as long as its author likes. */
const agentWidth = 24;

/** The lines of a table, with `-` for what is not known. */
export function hostTable(reports: readonly KnownHostReport[], now: Instant, io: Io): string[] {
  const ago = (instant: Instant | null) => (instant === null ? "-" : formatElapsed(dateOf(instant), dateOf(now)));
  const isShort = lineWidth(io.stdout) !== undefined;
  const rows = reports.map(({ host, pending, last }) => [
    host.hostname,
    parked(host, now),
    host.lastSeenAt === null ? "never" : ago(host.lastSeenAt),
    host.address ?? "-",
    host.wire ?? "-",
    isShort ? shortenEnd(host.agentVersion ?? "-", agentWidth) : (host.agentVersion ?? "-"),
    certificateEnd(host.certificateNotAfter, now, io),
    String(pending),
    last?.rolloutId ?? "-",
    last === null ? "-" : paintState(io, last.state),
    ago(last?.changedAt ?? null),
  ]);
  return formatTable(headings, rows).split("\n");
}

/** `2 for 35 s at one, two`, the longest of them; `no` if none is. */
function parked({ parkedPolls: polls, parkedSince: since, parkedAt }: KnownHost, now: Instant): string {
  if (polls === 0) return "no";
  if (since === null) return String(polls);
  const span = formatDuration(Math.max(instantToMs(now) - instantToMs(since), 0));
  const servers = parkedAt.map(({ server }) => server).join(", ");
  return `${polls} for ${span}${servers === "" ? "" : ` at ${servers}`}`;
}

function certificateEnd(notAfter: Instant | null, now: Instant, io: Io): string {
  if (notAfter === null) return "-";
  const leftMs = instantToMs(notAfter) - instantToMs(now);
  const text = formatElapsed(dateOf(notAfter), dateOf(now));
  if (leftMs <= 0) return paint(io, io.stdout, "red", `over, ${text}`);
  return leftMs < endsSoonMs ? paint(io, io.stdout, "yellow", text) : text;
}
