import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

const name = "grpc-message";

/**
 * Spells the text of a gRPC error as gRPC wants it: percent signs only for what is not printable ASCII. Connect encodes
 * punctuation too, which every client may be expected to decode; @grpc/grpc-js shows it as it came.
 */
export function respellMessage(trailer: Headers): void {
  const encoded = trailer.get(name);
  if (encoded === null) return;
  trailer.set(name, decodeURIComponent(encoded).replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent));
}

/** The same for an answer, whose trailers are complete only when its body has been read to the end. */
export function withReadableMessage(answer: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = answer;
  if (trailer === undefined || body === undefined) return answer;
  return { ...answer, body: readThen(body, () => respellMessage(trailer)) };
}

async function* readThen<T>(chunks: AsyncIterable<T>, afterwards: () => void): AsyncGenerator<T> {
  yield* chunks;
  afterwards();
}
