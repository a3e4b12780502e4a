import type {
  Cancel,
  Down,
  Enqueue,
  Entry,
  History,
  Pair,
  Received,
  Row,
  Span,
  Stall,
  Take,
  Told,
  Word,
} from "./history.js";

export interface Reception extends Take {
  readonly result: Received;
}

/** Everything about one (hostname, rollout). */
export interface Story extends Pair {
  readonly enqueues: Enqueue[];
  /** In the order in which they arrived, whoever took them. */
  readonly receptions: Reception[];
  readonly words: Word[];
  readonly cancels: Cancel[];
  readonly events: Told[];
  row: Row | undefined;
}

/** Everything about the polls of one host. */
export interface HostLedger {
  readonly takes: Take[];
  /** No answer came: any of these may have swallowed a dispatch. */
  readonly swallowing: Take[];
  readonly superseding: Enqueue[];
}

/** A history in the order in which the rules ask for it. */
export interface Ledger {
  readonly delivery: History["delivery"];
  readonly stories: ReadonlyMap<string, Story>;
  readonly hosts: ReadonlyMap<string, HostLedger>;
  readonly receptions: readonly Reception[];
  readonly downs: readonly Down[];
  readonly stalls: readonly Stall[];
  /** Calls that wait for nothing, and were answered: how long they took shows how slow everything was then. */
  readonly quick: readonly Span[];
}

export function ledgerOf({ delivery, entries, ending }: History): Ledger {
  const stories = new Map<string, Story>();
  const hosts = new Map<string, HostLedger>();
  const inOrder = [...entries].sort((a, b) => a.toMs - b.toMs);
  for (const entry of inOrder) enter(entry, stories, hosts);
  for (const row of ending.rows) storyIn(stories, row).row = row;
  for (const told of ending.events) storyIn(stories, told).events.push(told);
  return {
    delivery,
    stories,
    hosts,
    receptions: inOrder.filter((entry) => entry.kind === "take").filter(isReception),
    downs: inOrder.filter((entry) => entry.kind === "down"),
    stalls: inOrder.filter((entry) => entry.kind === "stall"),
    quick: inOrder.filter((entry) => "result" in entry && entry.kind !== "take" && entry.result !== "unknown"),
  };
}

export function storyOf(ledger: Ledger, pair: Pair): Story | undefined {
  return ledger.stories.get(nameOf(pair));
}

export function hostOf(ledger: Ledger, hostname: string): HostLedger {
  return ledger.hosts.get(hostname) ?? { takes: [], swallowing: [], superseding: [] };
}

export function isReception(take: Take): take is Reception {
  return typeof take.result === "object";
}

export function nameOf({ hostname, rolloutId }: Pair): string {
  return `${hostname} ${rolloutId}`;
}

function enter(entry: Entry, stories: Map<string, Story>, hosts: Map<string, HostLedger>): void {
  switch (entry.kind) {
    case "enqueue":
      storyIn(stories, entry).enqueues.push(entry);
      if (entry.supersede) hostIn(hosts, entry.hostname).superseding.push(entry);
      return;
    case "take": {
      const host = hostIn(hosts, entry.hostname);
      host.takes.push(entry);
      if (entry.result === "unknown") host.swallowing.push(entry);
      if (isReception(entry)) storyIn(stories, entry.result).receptions.push(entry);
      return;
    }
    case "cancel":
      storyIn(stories, entry).cancels.push(entry);
      return;
    case "down":
    case "stall":
      return;
    default:
      storyIn(stories, entry).words.push(entry);
  }
}

function storyIn(stories: Map<string, Story>, { hostname, rolloutId }: Pair): Story {
  const name = nameOf({ hostname, rolloutId });
  const known = stories.get(name);
  if (known !== undefined) return known;
  const empty = { enqueues: [], receptions: [], words: [], cancels: [], events: [] };
  const story: Story = { hostname, rolloutId, ...empty, row: undefined };
  stories.set(name, story);
  return story;
}

function hostIn(hosts: Map<string, HostLedger>, hostname: string): HostLedger {
  const known = hosts.get(hostname);
  if (known !== undefined) return known;
  const host: HostLedger = { takes: [], swallowing: [], superseding: [] };
  hosts.set(hostname, host);
  return host;
}
