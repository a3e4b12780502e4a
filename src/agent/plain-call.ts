import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { parseRetryAfter } from "./back-off.js";
import { maxAnswerBytes, protocolHeaders } from "./connection.js";
import { AgentError, answeredAboutAttempt, answeredError } from "./errors.js";

export interface PlainCall {
  readonly url: URL;
  readonly agent: Agent;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** JSON to POST. Without one it is a GET: a poll. */
  readonly json?: string;
}

/**
 * One call on plain HTTP/1.1.
 *
 * @returns the body of the answer, which may be empty
 * @throws AgentError also for any answer but a 2xx
 */
export async function plainCall(call: PlainCall): Promise<string> {
  const { response, body } = await exchange(call);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status <= 299) return body;
  throw errorAnswer(call, response, status, body);
}

async function exchange(call: PlainCall): Promise<{ response: IncomingMessage; body: string }> {
  try {
    const response = await send(call);
    return { response, body: await readText(response) };
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("network", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function send({ url, agent, signal, json }: PlainCall): Promise<IncomingMessage> {
  const headers = { ...protocolHeaders, accept: "application/json" };
  const isPoll = json === undefined;
  const body = isPoll ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(json) };
  const method = isPoll ? "GET" : "POST";
  return new Promise((resolve, reject) => {
    request(url, { agent, signal, method, headers: { ...headers, ...body } }, resolve)
      .on("error", reject)
      .end(json);
  });
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

function errorAnswer({ json, now }: PlainCall, response: IncomingMessage, status: number, body: string): AgentError {
  const { code, message } = errorBody(body);
  const details = { status, retryAfterMs: parseRetryAfter(response.headers["retry-after"], now()) };
  const text = message ?? `HTTP ${status}`;
  // A proxy's 404 says nothing of a dispatch; only the server itself can.
  if (code === undefined) return answeredError(codeByStatus.get(status) ?? "unknown", text, details);
  return json === undefined ? answeredError(code, text, details) : answeredAboutAttempt(code, text, details);
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
