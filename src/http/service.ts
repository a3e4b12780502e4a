import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Call } from "./call.js";

/** A service with its implementation, as both the HTTP binding and the RPC wires call it. */
export interface BoundService {
  readonly service: DescService;
  invoke(method: DescMethodUnary, request: Message, call: Call): Promise<Message>;
}

type Handler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: Call,
) => Promise<MessageInitShape<Output>>;

/** One function for each RPC of the service: a missing one does not compile. */
export type Handlers<Service extends DescService> = {
  [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary<infer Input, infer Output>
    ? Handler<Input, Output>
    : never;
};

export function bindService<Service extends DescService>(service: Service, handlers: Handlers<Service>): BoundService {
  return {
    service,
    async invoke(method, request, call) {
      // `Handlers` ties each name to its message types; the type of a lookup by a run-time name cannot say so.
      const handler = handlers[method.localName as keyof Service["method"]] as Handler<DescMessage, DescMessage>;
      return create(method.output, await handler(request, call));
    },
  };
}
