import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
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
  /** Throws, or rejects with, what its implementation does. */
  invoke(method: DescMethodUnary, request: Message, call: Call): PromiseLike<Message>;
  stream(method: DescMethodServerStreaming, request: Message, call: Call): AsyncIterable<Message>;
}

type Handler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: Call,
) => PromiseLike<MessageInitShape<Output>>;

type StreamHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: Call,
) => AsyncIterable<MessageInitShape<Output>>;

/** One function for each RPC of the service: a missing one does not compile. */
export type Handlers<Service extends DescService> = {
  [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary<infer Input, infer Output>
    ? Handler<Input, Output>
    : Service["method"][Name] extends DescMethodServerStreaming<infer Input, infer Output>
      ? StreamHandler<Input, Output>
      : never;
};

/** `Handlers` ties each name to its message types; the type of a lookup by a run-time name cannot say so. */
export function bindService<Service extends DescService>(service: Service, handlers: Handlers<Service>): BoundService {
  const toOutput = new Map(service.methods.map((method) => [method, outputOf(method)]));
  return {
    service,
    invoke(method, request, call) {
      const handler = handlers[method.localName as keyof Service["method"]] as Handler<DescMessage, DescMessage>;
      return handler(request, call).then(toOutput.get(method) ?? outputOf(method));
    },
    async *stream(method, request, call) {
      const handler = handlers[method.localName as keyof Service["method"]] as StreamHandler<DescMessage, DescMessage>;
      for await (const answer of handler(request, call)) yield create(method.output, answer);
    },
  };
}

/** Made once for each RPC rather than for each call, of which a fleet's worth waits. */
function outputOf({ output }: DescMethod): (answer: MessageInitShape<DescMessage>) => Message {
  return (answer) => create(output, answer);
}
