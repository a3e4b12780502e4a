import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { AgentError } from "../../../src/agent/errors.js";
import { SessionManager } from "../../../src/agent/session-manager.js";
import type { Issued } from "../../../src/pki/issue.js";
import type { Failure } from "../checker/history.js";

/** Where a server is, and what it is called in a history. */
export type ServerUrl = string;

export interface Identity {
  readonly caPem: string;
  readonly issued: Issued;
}

export type OperatorClient = ReturnType<typeof operatorClient>;

/** An operator's calls to one server, over Connect on HTTP/2. */
export function operatorClient(url: ServerUrl, { caPem, issued }: Identity) {
  const credentials = { ca: caPem, cert: issued.certPem, key: issued.keyPem };
  const sessionManager = new SessionManager(url, {}, credentials);
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    sessionManager,
    defaultTimeoutMs: callTimeoutMs,
  });
  return { calls: createClient(QueueService, transport), close: () => sessionManager.abort() };
}

const callTimeoutMs = 20_000;

/** What an error says of whether the call was carried out. */
export function failureOf(error: unknown): Failure {
  if (causes(error).some((cause) => "code" in cause && cause.code === "ECONNREFUSED")) return "refused";
  if (error instanceof AgentError) return error.kind === "server" || error.kind === "denied" ? "refused" : "unknown";
  // connect-es fills the metadata with the answer's header fields; what failed on this side has none.
  const isAnswer = error instanceof ConnectError && !error.metadata.keys().next().done;
  return isAnswer && error.code !== Code.DeadlineExceeded ? "refused" : "unknown";
}

function causes(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
