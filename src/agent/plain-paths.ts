import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { http } from "../../gen/google/api/annotations_pb.js";
import { AgentService } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";

/** Where the schema binds the agents' calls on plain HTTP. They are written down there alone. */
export const takePath = plainPath(AgentService.method.takeDispatch, "get");
export const ackPath = plainPath(AgentService.method.ackDispatch, "post");
export const rejectPath = plainPath(AgentService.method.rejectDispatch, "post");
export const extendPath = plainPath(AgentService.method.extendLease, "post");

/** A POST must take the whole message as its body, since that is what is sent. */
function plainPath(method: DescMethod, verb: "get" | "post"): string {
  const { pattern, body } = getOption(method, http);
  const isPlain = pattern.case === verb && !pattern.value.includes("{") && body === (verb === "get" ? "" : "*");
  if (isPlain) return pattern.value;
  throw new Error(`${method.toString()} is not bound to a plain ${verb.toUpperCase()}`);
}
