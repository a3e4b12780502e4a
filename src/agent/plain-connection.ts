import type { IncomingMessage } from "node:http";
import { Agent, get } from "node:https";
import { createSecureContext } from "node:tls";
import { parseRetryAfter } from "./back-off.js";
import { type Connect, type ConnectionOptions, maxAnswerBytes, protocolHeaders } from "./connection.js";
import { type Dispatch, dispatchFromJson } from "./dispatch.js";
import { AgentError, answeredError, notADispatch } from "./errors.js";
import { takePath } from "./take-path.js";

/** Over plain JSON: one GET on HTTP/1.1, as the agents in the field do it. */
export const plainConnect: Connect = (credentials, options) => {
  // Here already, because an error while connecting could not be told from one of the network.
  createSecureContext(credentials);
  const agent = new Agent({ ...credentials, keepAlive: true });
  const url = pollUrl(options);
  return {
    close: () => agent.destroy(),
    async take(signal) {
      const { response, body } = await request(url, agent, signal);
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) throw errorAnswer(response, status, body, options.now());
      return parseBody(body);
    },
  };
};

function pollUrl({ server, waitSeconds, hostname }: ConnectionOptions): URL {
  const url = new URL(server);
  url.pathname = url.pathname.replace(/\/+$/, "") + takePath;
  url.search = new URLSearchParams({ wait: String(waitSeconds), hostname }).toString();
  return url;
}

async function request(
  url: URL,
  agent: Agent,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; body: string }> {
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { agent, signal, headers: { ...protocolHeaders, accept: "application/json" } }, resolve).on(
        "error",
        reject,
      );
    });
    return { response, body: await readText(response) };
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("network", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    // Leaving the loop by an error destroys the response and its connection.
    if (bytes > maxAnswerBytes) throw new AgentError("malformed", `the answer has more than ${maxAnswerBytes} bytes`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseBody(body: string): Dispatch | undefined {
  if (body.trim() === "") return undefined;
  try {
    const json: unknown = JSON.parse(body);
    return json === null ? undefined : dispatchFromJson(json);
  } catch (cause) {
    throw notADispatch(cause);
  }
}

/** For answers that somebody between here and the server gave, which have no code of ours. */
const codeByStatus: ReadonlyMap<number, string> = new Map([
  [400, "invalid_argument"],
  [401, "unauthenticated"],
  [403, "permission_denied"],
  [404, "not_found"],
  [405, "unimplemented"],
  [426, "failed_precondition"],
  [429, "resource_exhausted"],
  [502, "unavailable"],
  [503, "unavailable"],
  [504, "unavailable"],
]);

function errorAnswer(response: IncomingMessage, status: number, body: string, nowMs: number): AgentError {
  const { code, message } = errorBody(body);
  return answeredError(code ?? codeByStatus.get(status) ?? "unknown", message ?? `HTTP ${status}`, {
    status,
    retryAfterMs: parseRetryAfter(response.headers["retry-after"], nowMs),
  });
}

function errorBody(body: string): { code?: string; message?: string } {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json !== "object" || json === null) return {};
    return {
      ...("code" in json && typeof json.code === "string" ? { code: json.code } : {}),
      ...("message" in json && typeof json.message === "string" ? { message: json.message } : {}),
    };
  } catch {
    return {};
  }
}
