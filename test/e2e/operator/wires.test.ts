import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromJsonString,
  type MessageInitShape,
  type MessageShape,
  toJson,
  toJsonString,
} from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { TrustService } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { HttpClient } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { newDispatches } from "./operator.js";

/** One call over some wire. @returns the answer as the JSON of the schema, without what differs from run to run */
type Ask = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
) => Promise<unknown>;

let pki: TestPki;
let server: TestServer;
beforeEach(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
});
afterEach(async () => {
  await server.stop();
  pki.remove();
});

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

function overTransport(transport: Transport): Ask {
  return async (method, request) => {
    const headers = new Headers({ traceparent });
    const { message } = await transport.unary(method, undefined, undefined, headers, request);
    return steady(toJson(method.output, message));
  };
}

/** Where the schema binds each call on plain HTTP. */
const bindings: Readonly<Record<string, (json: Record<string, unknown>) => { path: string; body?: unknown }>> = {
  EnqueueDispatches: (body) => ({ path: "/v1/dispatches", body }),
  ListDispatches: (query) => ({ path: `/v1/dispatches?${queryOf(query)}` }),
  GetDispatch: ({ hostname, rollout_id }) => ({ path: `/v1/dispatches/${hostname}/${rollout_id}` }),
  CancelDispatches: (body) => ({ path: "/v1/dispatches/cancel", body }),
  ListHosts: (query) => ({ path: `/v1/hosts?${queryOf(query)}` }),
  GetStats: () => ({ path: "/v1/stats" }),
  ListEvents: (query) => ({ path: `/v1/events?${queryOf(query)}` }),
  RevokeHost: (body) => ({ path: "/v1/revocations", body }),
  RestoreHost: (body) => ({ path: "/v1/revocations/restore", body }),
  ListRevocations: () => ({ path: "/v1/revocations" }),
};

function queryOf(fields: Record<string, unknown>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, String(one)]),
  );
  return new URLSearchParams(pairs).toString();
}

function overPlainHttp(client: HttpClient): Ask {
  return async (method, request) => {
    const message: MessageShape<typeof method.input> = create(method.input, request);
    const json = JSON.parse(toJsonString(method.input, message, { useProtoFieldName: true }));
    const bound = bindings[method.name]?.(json);
    if (bound === undefined) throw new Error(`${method.name} has no binding`);
    const headers = { "content-type": "application/json", traceparent };
    const post = bound.body === undefined ? {} : { method: "POST", body: JSON.stringify(bound.body) };
    const { status, body } = await client.ask(bound.path, { headers, ...post });
    if (status !== 200) throw new Error(`${method.name}: ${status} ${body}`);
    return steady(toJson(method.output, fromJsonString(method.output, body)));
  };
}

/** Without instants, and what names the wire. */
function steady(json: unknown): unknown {
  const text = JSON.stringify(json, (key, value) => (["wire", "startedAt", "now"].includes(key) ? undefined : value));
  return JSON.parse(text.replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"(instant)"'));
}

function wires(to: TestServer): Readonly<Record<"http" | "connect" | "grpc" | "grpc-web", Ask>> {
  const { certPem: cert, keyPem: key } = pki.operator;
  const options = { baseUrl: to.url, nodeOptions: { ca: pki.ca.certPem, cert, key } };
  return {
    http: overPlainHttp(new HttpClient(to, pki, pki.operator)),
    connect: overTransport(createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: false })),
    grpc: overTransport(createGrpcTransport(options)),
    "grpc-web": overTransport(createGrpcWebTransport({ ...options, httpVersion: "2" })),
  };
}

/** Everything that an operator can ask, one after the other. */
async function everything(ask: Ask): Promise<Record<string, unknown>> {
  const queue = QueueService.method;
  const trust = TrustService.method;
  const both = { hostname: "web-01", rolloutId: "stable@aa" };
  return {
    enqueued: await ask(queue.enqueueDispatches, {
      dispatches: newDispatches(["web-01", "web-02", "db-01"], "stable@aa"),
    }),
    listed: await ask(queue.listDispatches, { hostnamePrefix: "web", channel: "stable", states: [1], pageSize: 1 }),
    cancelled: await ask(queue.cancelDispatches, { hostname: "web-02", reason: "why not" }),
    shown: await ask(queue.getDispatch, both),
    hosts: await ask(queue.listHosts, { hostnamePrefix: "web" }),
    stats: await ask(queue.getStats, {}),
    events: await ask(queue.listEvents, { hostname: "web-02" }),
    revoked: await ask(trust.revokeHost, { hostname: "web-09", reason: "stolen" }),
    revocations: await ask(trust.listRevocations, {}),
    restored: await ask(trust.restoreHost, { hostname: "web-09" }),
  };
}

describe("an operator's calls", () => {
  test("are answered alike on every wire, and audited with operator, wire and trace", async () => {
    const answers: Record<string, unknown> = {};
    for (const wire of ["http", "connect", "grpc", "grpc-web"] as const) {
      // Each on a server of its own, since the answers tell of what was before.
      const own = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
      answers[wire] = await everything(wires(own)[wire]);
      expect(await own.stop()).toBe(0);
      await own.logged(({ msg }) => msg === "stopped");
      const audits = own.log.filter(({ msg }) => msg === "audit");
      expect(audits.map(({ audit, operator, wire: by }) => [audit, operator, by])).toEqual(
        ["enqueue", "cancel", "revoke", "restore"].map((action) => [action, "operator-test", wire]),
      );
      expect(audits.every(({ address, requestId }) => /127\.0\.0\.1|::1/.test(String(address)) && requestId)).toBe(
        true,
      );
      const requests = own.log.filter(({ msg }) => msg === "request");
      expect(requests.map(({ traceId }) => traceId)).toEqual(requests.map(() => "4bf92f3577b34da6a3ce929d0e0e4736"));
      expect(requests.length).toBe(10);
    }
    for (const wire of ["connect", "grpc", "grpc-web"]) expect([wire, answers[wire]]).toEqual([wire, answers.http]);
    expect(answers.http).toMatchObject({
      listed: {
        dispatches: [{ hostname: "web-01", state: "DISPATCH_STATE_PENDING" }],
        nextPageToken: expect.any(String),
      },
      cancelled: { results: [{ hostname: "web-02", outcome: "CANCEL_OUTCOME_CANCELLED" }] },
      restored: {},
    });
  });

  test("WatchEvents over gRPC-Web, too: what is there, and what comes", async () => {
    const { certPem: cert, keyPem: key } = pki.operator;
    const options = {
      baseUrl: server.url,
      nodeOptions: { ca: pki.ca.certPem, cert, key },
      httpVersion: "1.1" as const,
    };
    const queue = createClient(QueueService, createGrpcWebTransport(options));
    await queue.enqueueDispatches({ dispatches: newDispatches(["web-01"], "stable@aa") });
    const leave = new AbortController();
    const answers = queue.watchEvents({ afterId: 0n }, { signal: leave.signal })[Symbol.asyncIterator]();
    expect((await answers.next()).value.events.map(({ id }: { id: bigint }) => id)).toEqual([1n]);
    await queue.enqueueDispatches({ dispatches: newDispatches(["web-02"], "stable@aa") });
    expect((await answers.next()).value.events.map(({ id }: { id: bigint }) => id)).toEqual([2n]);
    leave.abort();
  });
});
