import { Code, ConnectError } from "@connectrpc/connect";
import { programVersion } from "../../telemetry/version.js";
import { formatSpan } from "../../words/elapsed.js";
import { exitNameOf } from "../exit.js";
import type { KnownStats } from "../operator/stats-record.js";
import { messageOf } from "../output.js";
import { type Finding, fail, ok, skip, warn } from "./finding.js";

/** Why the server did not tell its numbers. */
export function judgeRefusal(thrown: unknown): Finding {
  const message = messageOf(thrown);
  if (exitNameOf(thrown) === "denied") {
    return fail(
      message,
      "Ask who runs the server: your name must be an operator's, and its CA one that the server trusts.",
    );
  }
  if (thrown instanceof ConnectError && thrown.code === Code.FailedPrecondition) {
    return warn(message, "It runs without a queue: agents get nothing. Start it with a --db.");
  }
  return fail(message, "Look at the server's log.");
}

export function judgeAccess({ parkedPolls, parkedHosts }: KnownStats): Finding {
  return ok(`the server takes you for an operator; ${parkedPolls} polls of ${parkedHosts} hosts are parked there`);
}

/** Below this, leases and `ago` are as good as right; above that, certificates are refused that have just been issued. */
const tolerableMs = 2_000;
const badMs = 60_000;

export function judgeClock({ clockAheadMs, clockUncertainMs }: KnownStats): Finding {
  const leastMs = Math.abs(clockAheadMs) - clockUncertainMs;
  if (leastMs <= tolerableMs) return ok(`the server's clock and this machine's agree to ${formatSpan(tolerableMs)}`);
  const side = clockAheadMs > 0 ? "ahead of" : "behind";
  const detail = `the server's clock is ${formatSpan(Math.abs(clockAheadMs))} ${side} this machine's`;
  const advice = "Let both follow a time server (timedatectl shows whether they do).";
  return leastMs <= badMs ? warn(detail, advice) : fail(detail, advice);
}

export function judgeVersion({ version }: KnownStats, own = programVersion()): Finding {
  if (version === own) return ok(`the server and this program are both ${own}`);
  return warn(`the server is ${version}, this program is ${own}`, "Bring the older one up to date.");
}

/** @param body of `/readyz?verbose` */
export function judgeReadiness({ status, body }: { readonly status: number; readonly body: string }): Finding {
  const checks = body.split("\n").filter((line) => /^\[[+-]\] /.test(line));
  const bad = checks.filter((line) => line.startsWith("[-] ")).map((line) => line.slice(4));
  const good = checks.filter((line) => line.startsWith("[+] ")).map((line) => line.slice(4));
  if (status === 200) return ok(good.join(", ") || "ready");
  if (bad.length > 0) return fail(`not ready: ${bad.join(", ")}`, "Look at the server's log.");
  return fail(`/readyz is answered with HTTP ${status}`, "Something between speaks for the server.");
}

export function notReached(): Finding {
  return skip("the server was not reached");
}
