import { DispatchState, EventKind } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { Ending, Row, Told } from "./checker/history.js";
import type { OperatorClient } from "./drivers/clients.js";

const pageSize = 1_000;

/** How many dispatches of these channels wait or are out. */
export async function liveIn({ calls }: OperatorClient, channels: readonly string[]): Promise<number> {
  const states = [DispatchState.PENDING, DispatchState.LEASED];
  const pages = channels.map((channel) => calls.listDispatches({ channel, states, pageSize }));
  return (await Promise.all(pages)).reduce((sum, { dispatches }) => sum + dispatches.length, 0);
}

export async function lastEventId({ calls }: OperatorClient): Promise<bigint> {
  return (await calls.getStats({})).lastEventId;
}

/** Everything that the server says of these channels. @param afterId of the last event before the round */
export async function readEnding(
  client: OperatorClient,
  channels: readonly string[],
  afterId: bigint,
): Promise<Ending> {
  const rows = await Promise.all(channels.map((channel) => readRows(client, channel)));
  return { rows: rows.flat(), events: await readEvents(client, channels, afterId) };
}

async function readRows({ calls }: OperatorClient, channel: string): Promise<Row[]> {
  const rows: Row[] = [];
  let pageToken = "";
  do {
    const page = await calls.listDispatches({ channel, pageSize, pageToken });
    for (const { hostname, rolloutId, targetClosure: closure, state, attempt } of page.dispatches) {
      rows.push({ hostname, rolloutId, closure, state: wordOf(DispatchState[state]), attempt });
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return rows;
}

async function readEvents({ calls }: OperatorClient, channels: readonly string[], afterId: bigint): Promise<Told[]> {
  const told: Told[] = [];
  let last = afterId;
  for (;;) {
    const { events } = await calls.listEvents({ afterId: last, pageSize });
    for (const { hostname, rolloutId, kind, attempt } of events) {
      if (!channels.some((channel) => rolloutId.startsWith(`${channel}@`))) continue;
      told.push({ hostname, rolloutId, kind: wordOf(EventKind[kind]), attempt });
    }
    last = events.at(-1)?.id ?? last;
    if (events.length < pageSize) return told;
  }
}

function wordOf(name: string | undefined): string {
  if (name === undefined) throw new Error("a value that the schema does not know");
  return name.toLowerCase();
}
