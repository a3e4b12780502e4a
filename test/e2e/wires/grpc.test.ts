import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import {
  type CallOptions,
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { load, type MethodDefinition } from "@grpc/proto-loader";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Issued } from "../../../src/pki/issue.js";
import { HttpClient, wireDispatch } from "../support/client.js";
import { projectRoot } from "../support/command.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { type LogLine, TestServer } from "../support/server.js";

type Method = MethodDefinition<object, object>;

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
let take: Method;
let enqueue: Method;
let clients: Client[] = [];

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
  const includeDirs = ["proto", "node_modules/google-proto-files"].map((folder) => join(projectRoot, folder));
  const files = ["agent_service", "queue_service"].map((name) => `nixfleet/dispatch/v1/${name}.proto`);
  const definitions = await load(files, { includeDirs, keepCase: true, longs: Number, enums: String });
  const methodOf = (service: string, method: string): Method => {
    const definition = definitions[`nixfleet.dispatch.v1.${service}`];
    const found = definition !== undefined && !("format" in definition) ? definition[method] : undefined;
    if (found === undefined) throw new Error(`no ${service}.${method}`);
    return found;
  };
  take = methodOf("AgentService", "TakeDispatch");
  enqueue = methodOf("QueueService", "EnqueueDispatches");
});
afterEach(() => {
  for (const client of clients) client.close();
  clients = [];
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

/** @param identity `undefined` to come without a certificate */
function grpcClient(identity: Issued | undefined, to: TestServer = server): Client {
  const [key, cert] = identity === undefined ? [] : [Buffer.from(identity.keyPem), Buffer.from(identity.certPem)];
  const client = new Client(`localhost:${to.port}`, credentials.createSsl(Buffer.from(pki.ca.certPem), key, cert));
  clients.push(client);
  return client;
}

interface Pending {
  readonly call: ClientUnaryCall;
  /** Rejects with a `ServiceError`. */
  readonly answer: Promise<object>;
}

function begin(client: Client, method: Method, request: object, options: CallOptions & { id?: string } = {}): Pending {
  const metadata = new Metadata();
  if (options.id !== undefined) metadata.set("x-request-id", options.id);
  const { path, requestSerialize, responseDeserialize } = method;
  const answered = new EventEmitter();
  const answer = once(answered, "answer").then(([value]) => value ?? {});
  const call = client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    metadata,
    options,
    (error, value) => (error === null ? answered.emit("answer", value) : answered.emit("error", error)),
  );
  return { call, answer };
}

/** The code and the text of the error that a call ends with. */
async function refusal({ answer }: Pending): Promise<{ code: number; details: string }> {
  const error: ServiceError = await answer.then(
    () => expect.unreachable("it was answered"),
    (thrown) => thrown,
  );
  return { code: error.code, details: error.details };
}

function lineOf(requestId: string): Promise<LogLine> {
  return server.logged((line) => line.msg === "request" && line.requestId === requestId);
}

async function agentOf(id: string): Promise<{ grpc: Client; http: HttpClient }> {
  const identity = await pki.agent(id);
  return { grpc: grpcClient(identity), http: new HttpClient(server, pki, identity) };
}

describe("@grpc/grpc-js", () => {
  test("a parked take is delivered what an enqueue brings, both over gRPC", async () => {
    const { grpc } = await agentOf("web-01");
    const { answer } = begin(grpc, take, { wait: 60 }, { id: "grpc-take" });
    await untilParked(server, "web-01");
    const dispatch = { ...wireDispatch("web-01"), soak_due_at: { seconds: 1_778_895_000, nanos: 500_000_000 } };
    const result = await begin(grpcClient(pki.operator), enqueue, { dispatches: [dispatch] }).answer;
    expect(result).toMatchObject({
      results: [{ hostname: "web-01", rollout_id: "stable@a1b2c3d4", outcome: "ENQUEUE_OUTCOME_CREATED" }],
    });
    expect(await answer).toMatchObject({ dispatch });
    expect(await lineOf("grpc-take")).toMatchObject({
      wire: "grpc",
      machineId: "web-01",
      outcome: "ok",
      answer: "flushed",
    });
  });

  test("an empty take has no dispatch", async () => {
    const { grpc } = await agentOf("web-01");
    expect(await begin(grpc, take, { wait: 0 }).answer).toEqual({});
  });

  test("a deadline before the wait is over: DEADLINE_EXCEEDED, and the dispatch waits for the next poll", async () => {
    const { grpc, http } = await agentOf("late");
    const pending = begin(grpc, take, { wait: 60 }, { deadline: Date.now() + 500, id: "grpc-late" });
    expect((await refusal(pending)).code).toBe(status.DEADLINE_EXCEEDED);
    await lineOf("grpc-late");
    await operator.enqueue(wireDispatch("late"));
    expect((await http.poll("?wait=0")).status).toBe(200);
  });

  test("a take that is cancelled: CANCELLED, logged as gone, and the dispatch waits for the next poll", async () => {
    const { grpc, http } = await agentOf("fickle");
    const pending = begin(grpc, take, { wait: 60 }, { id: "grpc-fickle" });
    await untilParked(server, "fickle");
    pending.call.cancel();
    expect((await refusal(pending)).code).toBe(status.CANCELLED);
    expect(await lineOf("grpc-fickle")).toMatchObject({ wire: "grpc", outcome: "gone", answer: "lost" });
    await operator.enqueue(wireDispatch("fickle"));
    expect((await http.poll("?wait=0")).status).toBe(200);
  });

  test("control: a take that was not cancelled does get the dispatch", async () => {
    const { grpc, http } = await agentOf("steady");
    const { answer } = begin(grpc, take, { wait: 60 });
    await untilParked(server, "steady");
    await operator.enqueue(wireDispatch("steady"));
    expect(await answer).toMatchObject({ dispatch: { hostname: "steady" } });
    expect((await http.poll("?wait=0")).status).toBe(204);
  });

  test("refusals have gRPC's codes, and a text that says why", async () => {
    const { grpc } = await agentOf("web-01");
    const operators = grpcClient(pki.operator);
    const bad = { ...wireDispatch("web-01"), soak_due_at: { seconds: 0, nanos: 0 }, target_closure: "/tmp" };
    const cases = [
      [() => begin(grpcClient(undefined), take, { wait: 0 }), status.UNAUTHENTICATED, /a client certificate is needed/],
      [() => begin(operators, take, { wait: 0 }), status.PERMISSION_DENIED, /for agents/],
      [() => begin(grpc, enqueue, { dispatches: [] }), status.PERMISSION_DENIED, /for operators/],
      [() => begin(grpc, take, { hostname: "web-02" }), status.PERMISSION_DENIED, /hostname: .* is web-01/],
      [
        () => begin(operators, enqueue, { dispatches: [bad] }),
        status.INVALID_ARGUMENT,
        /^dispatches\[0\]\.target_closure: /,
      ],
      [
        () => begin(operators, enqueue, { dispatches: [] }),
        status.INVALID_ARGUMENT,
        /^dispatches: must have 1 to 10000/,
      ],
    ] as const;
    for (const [call, code, details] of cases) {
      expect(await refusal(call())).toEqual({ code, details: expect.stringMatching(details) });
    }
  });

  test("one poll too many of a host: RESOURCE_EXHAUSTED for the oldest", async () => {
    const { grpc } = await agentOf("crowd");
    const oldest = refusal(begin(grpc, take, { wait: 60 }));
    const others: Pending[] = [];
    for (let i = 1; i < 5; i += 1) {
      await untilParked(server, "crowd", i);
      others.push(begin(grpc, take, { wait: 60 }));
    }
    expect((await oldest).code).toBe(status.RESOURCE_EXHAUSTED);
    for (const { call } of others) call.cancel();
    await Promise.allSettled(others.map(({ answer }) => answer));
  });

  test("no queue: FAILED_PRECONDITION; a server that stops: UNAVAILABLE", async () => {
    const bare = await TestServer.start(pki, { db: "none" });
    expect((await refusal(begin(grpcClient(pki.operator, bare), enqueue, { dispatches: [] }))).code).toBe(
      status.FAILED_PRECONDITION,
    );
    await bare.stop();
    const ending = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
    const pending = begin(grpcClient(await pki.agent("web-01"), ending), take, { wait: 60 });
    await untilParked(ending, "web-01");
    const exit = ending.stop();
    expect(await refusal(pending)).toEqual({ code: status.UNAVAILABLE, details: "the server is shutting down" });
    expect(await exit).toBe(0);
  });
});
