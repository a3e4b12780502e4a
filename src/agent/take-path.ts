import { getOption } from "@bufbuild/protobuf";
import { http } from "../../gen/google/api/annotations_pb.js";
import { AgentService } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";

/** Where the schema binds the taking of a dispatch on plain HTTP. It is written down there alone. */
export const takePath = plainGetPath();

function plainGetPath(): string {
  const method = AgentService.method.takeDispatch;
  const { pattern } = getOption(method, http);
  if (pattern.case === "get" && !pattern.value.includes("{")) return pattern.value;
  throw new Error(`${method.toString()} is not bound to a plain GET`);
}
