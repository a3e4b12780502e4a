// The same RPC, trivial, through a bare connectNodeAdapter: no identity, no queue, no database.

import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AgentService } from "../../dist/gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { answerCalls } from "../support/calls.mjs";
import { listen, optionsOf, selfReport } from "../support/server-side.mjs";

const { wire } = optionsOf(process.argv);

const serve = connectNodeAdapter({
  routes: (router) => router.rpc(AgentService.method.takeDispatch, () => ({})),
});
const server = wire === "h2c" ? createHttp2Server(serve) : createServer(serve);
server.keepAliveTimeout = 0;

answerCalls(selfReport({ port: await listen(server), parked: () => 0 }));
