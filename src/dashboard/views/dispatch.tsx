import { Code, ConnectError } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { useEffect } from "react";
import { type GetDispatchResponse, QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { explain } from "../../words/explain.js";
import type { KnownDispatch, KnownEvent, KnownHost } from "../../words/record.js";
import { knownDispatch, knownEvent, knownHost } from "../../words/record.js";
import { CancelButton } from "../actions/cancel.js";
import { errorText } from "../api.js";
import { useFleet, useTelling } from "../live-fleet.js";
import { hrefOf, Link } from "../router.js";
import { FactList } from "../ui/facts.js";
import { Empty, Skeleton, Trouble } from "../ui/notice.js";
import { StateBadge } from "../ui/state.js";
import { Ago } from "../ui/time.js";
import { Timeline } from "../ui/timeline.js";
import { Heading } from "./heading.js";

interface Pair {
  readonly hostname: string;
  readonly rolloutId: string;
}

/** One dispatch, its history and why it is where it is. */
export function DispatchView({ hostname, rolloutId }: Pair) {
  const { fleet } = useFleet();
  const answer = useQuery(QueueService.method.getDispatch, { hostname, rolloutId }, { select: known });
  const { refetch } = answer;
  const lastEvent = fleet.lastEventOf(hostname, rolloutId);
  useEffect(() => {
    if (lastEvent > 0) void refetch();
  }, [lastEvent, refetch]);
  const up = { href: hrefOf("rollouts", rolloutId), name: rolloutId };
  if (answer.data !== undefined) return <Known {...answer.data} up={up} />;
  return (
    <>
      <Heading title={hostname} up={up} />
      {answer.error === null ? <Skeleton label="Loading the dispatch" /> : <Unknown error={answer.error} />}
    </>
  );
}

function Unknown({ error }: { readonly error: unknown }) {
  if (ConnectError.from(error).code !== Code.NotFound) {
    return (
      <Trouble title="The dispatch could not be read">
        <p>{errorText(error)}</p>
      </Trouble>
    );
  }
  return (
    <Empty title="Nothing is known of this dispatch">
      Nothing was ever enqueued for this host under this rollout, or it is done for longer than the server keeps it.
    </Empty>
  );
}

interface KnownAnswer {
  readonly dispatch: KnownDispatch;
  readonly events: readonly KnownEvent[];
  readonly host: KnownHost | null;
}

function known({ dispatch, events, host }: GetDispatchResponse): KnownAnswer {
  if (dispatch === undefined) throw new Error("the server's answer has no dispatch");
  return {
    dispatch: knownDispatch(dispatch),
    events: events.map(knownEvent),
    host: host === undefined ? null : knownHost(host),
  };
}

function Known({ dispatch, events, host, up }: KnownAnswer & { readonly up: { href: string; name: string } }) {
  const { hostname, rolloutId, state } = dispatch;
  const isOpen = state === "pending" || state === "leased";
  return (
    <>
      <Heading title={hostname} up={up}>
        <StateBadge state={state} />
        <CancelButton hostname={hostname} rolloutId={rolloutId} what="this dispatch" isOffered={isOpen} />
        <Link className="button" href={`${hrefOf("enqueue")}?${againQuery(dispatch)}`}>
          Enqueue again…
        </Link>
      </Heading>
      <Why dispatch={dispatch} events={events} host={host} />
      <section className="panel" aria-label="Facts">
        <Facts dispatch={dispatch} />
      </section>
      <section aria-labelledby="timeline-title">
        <h2 id="timeline-title">Timeline</h2>
        <Timeline dispatch={dispatch} events={events} />
      </section>
    </>
  );
}

function againQuery({ hostname, rolloutId, targetClosure }: KnownDispatch): string {
  return new URLSearchParams({ host: hostname, rollout: rolloutId, closure: targetClosure }).toString();
}

/** The answer of `explain`. */
function Why({ dispatch, events, host }: KnownAnswer) {
  const { fleet } = useFleet();
  const telling = useTelling();
  const { hostname, rolloutId } = dispatch;
  const all = [...(fleet.dispatchesOf.get(hostname)?.values() ?? [])];
  const others = all.filter(
    (other) => other.rolloutId !== rolloutId && (other.state === "pending" || other.state === "leased"),
  );
  const { sentence, hint } = explain({ hostname, rolloutId, dispatch, events, host, others }, telling);
  return (
    <p className="why">
      {sentence}
      {hint !== null && <span className="soft"> {hint}</span>}
    </p>
  );
}

function Facts({ dispatch }: { readonly dispatch: KnownDispatch }) {
  const { hostname, attempt, maxAttempts, notBefore, notAfter, leaseExpiresAt } = dispatch;
  return (
    <FactList
      facts={[
        [
          "Host",
          <Link key="host" href={hrefOf("hosts", hostname)}>
            {hostname}
          </Link>,
        ],
        [
          "Rollout",
          <Link key="rollout" href={hrefOf("rollouts", dispatch.rolloutId)}>
            {dispatch.rolloutId}
          </Link>,
        ],
        [
          "Closure",
          <code key="closure" className="closure">
            {dispatch.targetClosure}
          </code>,
        ],
        ["Attempts", `${attempt} of ${maxAttempts}`],
        ["Enqueued", <Ago key="enqueued" at={dispatch.enqueuedAt} isStop />],
        ["In this state", <Ago key="changed" at={dispatch.changedAt} isStop />],
        ["Soak is over", <Ago key="soak" at={dispatch.soakDueAt} isStop />],
        ...(notBefore === null ? [] : [["Not before", <Ago key="before" at={notBefore} isStop />] as const]),
        ...(notAfter === null ? [] : [["Not after", <Ago key="after" at={notAfter} isStop />] as const]),
        ...(leaseExpiresAt === null ? [] : [["Lease ends", <Ago key="lease" at={leaseExpiresAt} isStop />] as const]),
        ...(dispatch.reason === null ? [] : [["Reason", dispatch.reason] as const]),
      ]}
    />
  );
}
