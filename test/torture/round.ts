import { setMaxListeners } from "node:events";
import type { History } from "./checker/history.js";
import { DrivenAgent } from "./drivers/agent.js";
import { type OperatorClient, operatorClient } from "./drivers/clients.js";
import { driveOperator } from "./drivers/operator.js";
import { type Channels, type Decision, drivePlanner } from "./drivers/planner.js";
import { pause, type Stage } from "./drivers/stage.js";
import { lastEventId, liveIn, readEnding } from "./ending.js";
import type { Fleet } from "./fleet.js";
import type { Dice } from "./random.js";
import { Recorder } from "./recorder.js";
import type { Server } from "./servers.js";

export interface RoundOptions {
  /** 1, 2, …: names the round's rollouts. */
  readonly number: number;
  readonly fleet: Fleet;
  readonly servers: readonly Server[];
  readonly dice: Dice;
  readonly delivery: History["delivery"];
  /** How long there is load, and servers die. */
  readonly loadMs: number;
  /** How long a server lives on average; `undefined`: it is left alone. */
  readonly uptimeMs: number | undefined;
  /** How long everything may take to be fetched then. */
  readonly quietMs: number;
  /** Ends the load early. */
  readonly stop: AbortSignal;
}

/** Load and deaths, then calm until everything is fetched, then what the server says of it. */
export async function playRound(options: RoundOptions): Promise<History> {
  const { number, fleet, servers, dice, delivery, loadMs, stop } = options;
  await Promise.all(servers.map((server) => server.start(flagsFor(delivery))));
  const end = new AbortController();
  const calm = abortedAfter(loadMs, stop);
  // Every driver listens on them.
  setMaxListeners(0, calm, end.signal);
  const recorder = new Recorder();
  const stage: Stage = { servers: servers.map(({ url }) => url), recorder, dice: dice.split(), calm, end: end.signal };
  const reader = operatorClient(stage.servers[0] ?? "", fleet.operator);
  const channels = { plain: `r${number}`, superseding: `s${number}` };
  const afterId = await lastEventId(reader);
  recorder.start();
  await untilFetched(stage, options, { reader, channels, end });
  recorder.stop();
  const ending = await readEnding(reader, Object.values(channels), afterId);
  reader.close();
  await Promise.all(servers.map((server) => server.stop()));
  return { delivery, entries: recorder.entries, ending };
}

interface Play {
  readonly reader: OperatorClient;
  readonly channels: Channels;
  readonly end: AbortController;
}

async function untilFetched(stage: Stage, options: RoundOptions, { reader, channels, end }: Play): Promise<void> {
  const { fleet, servers, uptimeMs, quietMs } = options;
  const agents = startAgents(stage, fleet);
  const deaths =
    uptimeMs === undefined
      ? []
      : servers.map((server) => server.torment({ ...stage, dice: stage.dice.split() }, uptimeMs));
  await Promise.all([...startOperators(stage, fleet, channels), ...deaths]);
  await untilQuiet(reader, Object.values(channels), quietMs);
  end.abort();
  await Promise.all(agents);
}

function flagsFor(delivery: History["delivery"]): string[] {
  return delivery.kind === "once" ? [] : ["--delivery", "confirmed", "--confirm-within", `${delivery.withinMs}ms`];
}

/** Not `AbortSignal.any` with `AbortSignal.timeout`: Node.js 20 may collect the latter as garbage before it is due. */
function abortedAfter(ms: number, stop: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const abort = () => {
    clearTimeout(timer);
    stop.removeEventListener("abort", abort);
    controller.abort();
  };
  const timer = setTimeout(abort, ms);
  stop.addEventListener("abort", abort);
  if (stop.aborted) abort();
  return controller.signal;
}

function startAgents(stage: Stage, { hosts }: Fleet): Promise<void>[] {
  return hosts.flatMap(({ hostname, identity }, i) => {
    const wire = i % 2 === 0 ? "GET on HTTP/1.1" : "Connect on HTTP/2";
    const leaseSeconds = i % 3 === 0 ? undefined : 1 + (i % 2);
    // What goes away on HTTP/2 may have proven a receipt that it never saw: its kernel answers for it.
    const vanishes = leaseSeconds !== undefined || wire === "GET on HTTP/1.1" ? 0.05 : 0;
    const agent = () =>
      new DrivenAgent({ ...stage, dice: stage.dice.split() }, { hostname, identity, wire, leaseSeconds, vanishes });
    // Some hosts have two, as after a reinstallation that left the old one running.
    return i % 5 === 0 ? [agent().run(), agent().run()] : [agent().run()];
  });
}

function startOperators(stage: Stage, { hosts, operator }: Fleet, channels: Channels): Promise<void>[] {
  const decisions: Decision[] = [];
  let number = 0;
  const nextNumber = () => {
    number += 1;
    return number;
  };
  const planner = {
    identity: operator,
    hostnames: hosts.map(({ hostname }) => hostname),
    channels,
    decisions,
    nextNumber,
  };
  const withOwnDice = () => ({ ...stage, dice: stage.dice.split() });
  return [
    drivePlanner(withOwnDice(), planner),
    drivePlanner(withOwnDice(), planner),
    driveOperator(withOwnDice(), { identity: operator, decisions }),
  ];
}

/** If it never gets quiet, the checker will say what is left. */
async function untilQuiet(reader: OperatorClient, channels: readonly string[], quietMs: number): Promise<void> {
  const tooLong = AbortSignal.timeout(quietMs);
  while (!tooLong.aborted && (await liveIn(reader, channels)) > 0) await pause(200, tooLong);
}
