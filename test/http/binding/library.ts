import { create, type DescService, type JsonValue, type Message } from "@bufbuild/protobuf";
import { DispatchError } from "../../../src/dispatch/errors.js";
import {
  type Binding,
  type BindingAnswer,
  type BoundService,
  createBinding,
} from "../../../src/http/binding/binding.js";
import { type GetBookResponse, GetBookResponseSchema, LibraryService } from "./gen/binding/test/v1/library_pb.js";

/** What a test sends; everything that is left out is as a plain GET without a body has it. */
export interface Sent {
  readonly query?: string;
  readonly contentType?: string | undefined;
  readonly body?: string | Uint8Array;
}

/** A library whose RPCs answer with their own request, except GetBook, which answers `book`. */
export interface Library {
  readonly binding: Binding<string>;
  /** The last request message that the service got. */
  received(): Message;
  /** Routes and handles one request. */
  send(method: string, path: string, sent?: Sent): Promise<BindingAnswer>;
  /** The same, and the JSON of its answer. */
  json(method: string, path: string, sent?: Sent): Promise<JsonValue>;
}

export const maxBodyBytes = 100_000;

export function openLibrary(book: GetBookResponse = create(GetBookResponseSchema)): Library {
  let received: Message | undefined;
  const bound: BoundService<string> = {
    service: LibraryService,
    async invoke(rpc, request) {
      received = request;
      return rpc.name === "GetBook" ? book : request;
    },
  };
  const binding = createBinding([bound], { maxBodyBytes });
  const library: Library = {
    binding,
    received() {
      if (received === undefined) {
        throw new Error("nothing was received");
      }
      return received;
    },
    async send(method, path, sent = {}) {
      return binding.handle(binding.route(method, path), request(method, path, sent), "somebody");
    },
    async json(method, path, sent) {
      const answer = await library.send(method, path, sent);
      return answer.status === 204 ? null : JSON.parse(answer.body);
    },
  };
  return library;
}

function request(method: string, path: string, { query = "", contentType, body = "" }: Sent) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return {
    method,
    path,
    query,
    contentType: contentType ?? (bytes.length > 0 ? "application/json" : undefined),
    async readBody(maxBytes: number) {
      if (bytes.length > maxBytes) {
        throw new DispatchError("body_too_large", `more than ${maxBytes} bytes`);
      }
      return bytes;
    },
  };
}

/** A service that is never called, for what is refused at start. */
export function unused(service: DescService): BoundService<undefined> {
  return {
    service,
    invoke() {
      throw new Error("not to be called");
    },
  };
}

/** The DispatchError that something throws; any other outcome fails the test. */
export async function refusal(run: () => unknown): Promise<DispatchError> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof DispatchError) {
      return thrown;
    }
    throw thrown;
  }
  throw new Error("it was not refused");
}
