import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { TrustService } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { HttpClient, type Reply } from "../support/client.js";
import type { TestPki } from "../support/pki.js";
import type { TestServer } from "../support/server.js";

/** What an operator has in hand: generated clients, and plain HTTP. */
export interface Operator {
  readonly queue: Client<typeof QueueService>;
  readonly trust: Client<typeof TrustService>;
  readonly http: HttpClient;
  post(path: string, body: object): Promise<Reply>;
}

export function operatorOf(server: TestServer, pki: TestPki, wire: "connect" | "grpc" = "connect"): Operator {
  const { certPem: cert, keyPem: key } = pki.operator;
  const options = { baseUrl: server.url, nodeOptions: { ca: pki.ca.certPem, cert, key } };
  const transport =
    wire === "grpc" ? createGrpcTransport(options) : createConnectTransport({ ...options, httpVersion: "2" });
  const http = new HttpClient(server, pki, pki.operator);
  return {
    queue: createClient(QueueService, transport),
    trust: createClient(TrustService, transport),
    http,
    post: (path, body) =>
      http.ask(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
  };
}

export function newDispatches(hostnames: readonly string[], rolloutId: string) {
  return hostnames.map((hostname) => ({
    hostname,
    rolloutId,
    targetClosure: `/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-${hostname}-26.05`,
    soakDueAt: { seconds: 1_778_895_000n },
  }));
}
