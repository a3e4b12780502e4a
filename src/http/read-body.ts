import { DispatchError } from "../dispatch/errors.js";
import type { NodeRequest } from "./node.js";

/** @throws DispatchError `body_too_large` as soon as that is known, `gone` if the caller breaks off */
export async function readBody(request: NodeRequest, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new DispatchError("body_too_large", `the request body must be at most ${maxBytes} bytes`);
  if (Number(request.headers["content-length"]) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Not to be destroyed on the way out: the rest is thrown away below, so that the answer can be read and the connection used.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes: Buffer = chunk;
      size += bytes.length;
      if (size > maxBytes) break;
      chunks.push(bytes);
    }
  } catch (error) {
    throw new DispatchError("gone", "the request broke off", { cause: error });
  }
  if (size > maxBytes) {
    request.resume();
    throw tooLarge();
  }
  return Buffer.concat(chunks);
}
