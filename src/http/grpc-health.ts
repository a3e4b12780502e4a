import { Code, ConnectError, createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  Health as HealthService,
} from "../../gen/grpc/health/v1/health_pb.js";
import type { Clock } from "../dispatch/ports.js";
import type { Health } from "./health.js";

export interface GrpcHealthOptions {
  readonly health: Health;
  /** Full names of the services that may be asked for. */
  readonly services: readonly string[];
  readonly clock: Pick<Clock, "after">;
}

/** How often a watcher's status is looked at again. A drain is told at once. */
const lookEveryMs = 2_000;

/** The standard health service of gRPC, which probes and load balancers know: path of each RPC to what serves it. */
export function grpcHealthHandlers(options: GrpcHealthOptions): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({ readMaxBytes: 4_096 });
  router.service(HealthService, {
    check: async (request) => ({ status: await status(options, request) }),
    watch: (request, context) => watch(options, request, context),
  });
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

async function status({ health, services }: GrpcHealthOptions, { service }: HealthCheckRequest) {
  if (service !== "" && !services.includes(service)) {
    throw new ConnectError(`there is no service ${service} here`, Code.NotFound);
  }
  const isWell = (await health.checks()).every(({ trouble }) => trouble === undefined);
  return isWell ? HealthCheckResponse_ServingStatus.SERVING : HealthCheckResponse_ServingStatus.NOT_SERVING;
}

async function* watch(options: GrpcHealthOptions, request: HealthCheckRequest, { signal }: HandlerContext) {
  let told: HealthCheckResponse_ServingStatus | undefined;
  while (!signal.aborted) {
    const now = await watchedStatus(options, request);
    if (now !== told) yield { status: now };
    told = now;
    // After a drain there is nothing more to say, and the server waits for its streams to end.
    if (now === HealthCheckResponse_ServingStatus.NOT_SERVING && (await isDraining(options.health))) return;
    await untilNextLook(options, signal);
  }
}

/** Who watches is told of an unknown service by a status, as it may come to be known. */
async function watchedStatus(options: GrpcHealthOptions, request: HealthCheckRequest) {
  if (request.service !== "" && !options.services.includes(request.service)) {
    return HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
  }
  return status(options, request);
}

async function isDraining(health: Health): Promise<boolean> {
  return (await health.checks()).some(({ name, trouble }) => name === "drain" && trouble !== undefined);
}

function untilNextLook({ health, clock }: GrpcHealthOptions, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      stopListening();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(lookEveryMs, end);
    const stopListening = health.onDrain(end);
    signal.addEventListener("abort", end);
  });
}
