import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HostPresenceSchema } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { GetStatsResponseSchema, ListHostsRequest } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { dispatchStates } from "../../dispatch/dispatch.js";
import type { Hostname } from "../../dispatch/hostname.js";
import { type Instant, instantFromMicros, instantFromMs } from "../../dispatch/instant.js";
import type { Clock } from "../../dispatch/ports.js";
import type { Presence, Queue } from "../../dispatch/queue.js";
import type { HostReport, ReportStore } from "../../dispatch/reports.js";
import { timestampFromInstant } from "../convert.js";
import { presenceToProto, stateToProto } from "../convert-history.js";
import { hostFilter } from "./filters.js";
import { hostPages } from "./pages.js";

export interface ReportsOptions {
  /** `undefined` if the server runs without a queue; then nobody gets this far. */
  readonly store: ReportStore | undefined;
  readonly clock: Pick<Clock, "nowMs">;
  readonly version: string;
  /** Milliseconds since 1970; `undefined` for who is not revoked. */
  readonly revokedBeforeMs: (hostname: Hostname) => number | undefined;
}

/** The fleet and the queue as operators read them. */
export class Reports {
  readonly #options: ReportsOptions;
  readonly #startedAt: Instant;

  constructor(options: ReportsOptions) {
    this.#options = options;
    this.#startedAt = instantFromMs(options.clock.nowMs());
  }

  async listHosts(queue: Queue, request: ListHostsRequest) {
    const filter = hostFilter(request);
    const page = hostPages.parse(request, filter);
    const hosts = await this.#store.listHosts(filter, page.after?.hostname, page.size);
    const elsewhere = await queue.parkedElsewhere(hosts.map(({ hostname }) => hostname));
    return {
      hosts: hosts.map((host) => ({
        presence: this.presence(queue.presenceOf(host.hostname, host.seen, elsewhere.get(host.hostname))),
        ...hostToProto(host),
      })),
      nextPageToken: hostPages.next(page, hosts, filter),
    };
  }

  async stats({ polls }: Queue): Promise<MessageInitShape<typeof GetStatsResponseSchema>> {
    const [stats, lastEventId] = await Promise.all([this.#store.stats(), this.#store.lastEventId()]);
    const { states, oldestPendingAt, hosts } = stats;
    return {
      states: dispatchStates.map((state) => ({ state: stateToProto[state], count: BigInt(states[state]) })),
      ...(oldestPendingAt === undefined ? {} : { oldestPendingAt: timestampFromInstant(oldestPendingAt) }),
      parkedPolls: polls.size,
      parkedHosts: polls.hosts,
      hosts,
      lastEventId: BigInt(lastEventId),
      startedAt: timestampFromInstant(this.#startedAt),
      version: this.#options.version,
      now: timestampFromInstant(instantFromMs(this.#options.clock.nowMs())),
    };
  }

  presence(presence: Presence): MessageInitShape<typeof HostPresenceSchema> {
    const ms = this.#options.revokedBeforeMs(presence.hostname);
    return presenceToProto(presence, ms === undefined ? undefined : instantFromMicros(Math.floor(ms * 1_000)));
  }

  lastEventId(): Promise<number> {
    return this.#store.lastEventId();
  }

  get #store(): ReportStore {
    if (this.#options.store === undefined) throw new Error("a server without a queue has nothing to report");
    return this.#options.store;
  }
}

function hostToProto({ pending, last }: HostReport) {
  if (last === undefined) return { pending };
  const { rolloutId: lastRolloutId, state, changedAt } = last;
  return { pending, lastRolloutId, lastState: stateToProto[state], lastChangedAt: timestampFromInstant(changedAt) };
}
