import { DispatchError } from "../dispatch/errors.js";
import { DirectRequest } from "./direct/request.js";
import type { AnyRequest } from "./exchange.js";

/**
 * The whole body. Where Node reads it, it comes by events rather than by `for await`, which makes a dozen objects and turns for one
 * that comes in one piece.
 *
 * @throws DispatchError `body_too_large` as soon as that is known, `gone` if the caller breaks off
 */
export function readBody(request: AnyRequest, maxBytes: number): Promise<Uint8Array> {
  if (request instanceof DirectRequest) return wholeBody(request, maxBytes);
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const gone = (cause?: unknown) => reject(new DispatchError("gone", "the request broke off", { cause }));
    if (Number(request.headers["content-length"]) > maxBytes) reject(tooLarge(maxBytes));
    else if (request.destroyed) gone();
    else {
      request.on("data", (chunk: Uint8Array) => {
        size += chunk.length;
        if (size <= maxBytes) chunks.push(chunk);
        // The rest comes here too, and is thrown away, so that the answer can be read and the connection used.
        else reject(tooLarge(maxBytes));
      });
      request.once("end", () => resolve(Buffer.concat(chunks)));
      request.once("error", gone);
      // Each request closes; an error with its stack for those that have ended would be a fiftieth of a wake's CPU.
      request.once("close", () => request.readableEnded || gone());
    }
  });
}

async function wholeBody({ body }: DirectRequest, maxBytes: number): Promise<Uint8Array> {
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return body;
}

function tooLarge(maxBytes: number): DispatchError {
  return new DispatchError("body_too_large", `the request body must be at most ${maxBytes} bytes`);
}
