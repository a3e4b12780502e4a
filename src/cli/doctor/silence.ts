import { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { type ServeConfig, serveGroup } from "../../config/settings.js";
import { UsageError } from "../../config/usage-error.js";
import { formatSpan } from "../../words/elapsed.js";
import { type Credentials, credentialFiles, readCredentials } from "../connect.js";
import { machineIdOf } from "../machine-id.js";
import { messageOf } from "../output.js";
import { progressBar } from "../progress-bar.js";
import { type Caller, withQueue } from "./caller.js";
import { judgeDates } from "./certificate.js";
import type { Examination } from "./examination.js";
import { type Finding, fail, skip } from "./finding.js";
import { checkIdleConnection } from "./idle-connection.js";
import { notReached } from "./server.js";
import { checkPoll, ownMachineAdvice, whyNotToPoll } from "./test-poll.js";

/**
 * The two checks that take their time, at once: a connection that is silent, and a poll.
 *
 * @param caller `undefined` if the server cannot be called
 */
export async function holdSilence(
  examination: Examination,
  caller: Caller | undefined,
  serveConfig: ServeConfig | undefined,
): Promise<void> {
  const { io, report, pollMs, signal } = examination;
  const leftOut = caller === undefined ? notReached() : skip("left out by --poll-for 0s");
  if (caller === undefined || pollMs === 0) {
    report.add("idle-connection", leftOut);
    report.add("test-poll", leftOut);
    return;
  }
  const { config, own } = caller;
  const options = { server: new URL(config.server), idleMs: pollMs, timeoutMs: config.timeout, signal };
  const stopDrawing = drawTime(examination, progressBar(io));
  try {
    const [idle, poll] = await Promise.all([
      checkIdleConnection({ ...options, credentials: own.credentials }),
      pollFinding(examination, caller, serveConfig),
    ]);
    stopDrawing();
    report.add("idle-connection", idle);
    report.add("test-poll", poll);
  } finally {
    stopDrawing();
  }
}

function drawTime({ pollMs }: Examination, bar: ReturnType<typeof progressBar>): () => void {
  const startedMs = performance.now();
  const draw = () => {
    const passedMs = Math.min(performance.now() - startedMs, pollMs);
    bar.draw(passedMs / pollMs, `holding silence for ${formatSpan(pollMs)}`);
  };
  draw();
  const timer = setInterval(draw, 250);
  return () => {
    clearInterval(timer);
    bar.clear();
  };
}

async function pollFinding(
  examination: Examination,
  caller: Caller,
  serveConfig: ServeConfig | undefined,
): Promise<Finding> {
  const { pollMs, signal } = examination;
  try {
    const credentials = await agentCredentials(examination, caller);
    if (credentials === undefined) {
      return skip("no agent's certificate to poll with, so what agents get was not tried", ownMachineAdvice);
    }
    const dates = judgeDates(new X509Certificate(credentials.cert), "the agent's certificate", Date.now());
    if (dates.status === "fail") return dates;
    const suffix = serveConfig?.agentCnSuffix ?? serveGroup.settings.agentCnSuffix.fallback(caller.config);
    const hostname = machineIdOf(credentials.cert, suffix);
    const obstacle = await withQueue(caller, (queue) => whyNotToPoll(queue, hostname, signal));
    return (
      obstacle ?? (await checkPoll({ server: new URL(caller.config.server), credentials, hostname, pollMs, signal }))
    );
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof UsageError) return fail(messageOf(thrown), thrown.hint);
    return skip(`whether a poll would get in somebody's way is not known: ${messageOf(thrown)}`);
  }
}

/** The named ones, else the development agent's where the caller is the development operator; `undefined` if there are none. */
async function agentCredentials(
  { agentFiles: files, io }: Examination,
  { config, own }: Caller,
): Promise<Credentials | undefined> {
  if (files !== undefined) {
    const [cert, key] = [resolve(io.cwd, files.cert), resolve(io.cwd, files.key)];
    return readCredentials({ ca: own.files.ca, cert, key });
  }
  return config.cert === undefined ? readCredentials(credentialFiles(config, "agent")) : undefined;
}
