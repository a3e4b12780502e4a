import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { QueryClient } from "@tanstack/react-query";
import { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";

/** Calls go to where the page came from, which relays them. Binary: a snapshot of a large fleet is megabytes. */
export const transport = createConnectTransport({ baseUrl: location.origin, useBinaryFormat: true });

export const queue = createClient(QueueService, transport);

export const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: (failures, error) => failures < 3 && isWorthRepeating(error), staleTime: 1_000 },
    mutations: { retry: false },
  },
});

function isWorthRepeating(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.Unknown;
}

/** What somebody reads when a call has failed. */
export function errorText(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  // The browser's own words for a relay that is not there are of no use.
  return code === Code.Unknown ? "the command that serves this page does not answer" : rawMessage;
}

/** What the relay wrote into the page. */
export function pageFact(name: "server" | "operator"): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
}
