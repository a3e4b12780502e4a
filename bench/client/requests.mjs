// The requests of the bench, as text.

import { hostname } from "../support/dispatches.mjs";

const host = "Host: localhost\r\n";

export function pollText(i, waitSeconds) {
  return `GET /v1/agent/dispatch?wait=${waitSeconds} HTTP/1.1\r\n${host}X-Bench-Host: ${hostname(i)}\r\n\r\n`;
}

export function enqueueText(dispatches) {
  return postText("/v1/dispatches", "application/json", JSON.stringify({ dispatches }), "operator-bench");
}

export function rpcText(contentType, body, i) {
  return postText("/nixfleet.dispatch.v1.AgentService/TakeDispatch", contentType, body, hostname(i));
}

function postText(path, contentType, body, as) {
  const type = `Content-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n`;
  return `POST ${path} HTTP/1.1\r\n${host}X-Bench-Host: ${as}\r\n${type}\r\n${body}`;
}
