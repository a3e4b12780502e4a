import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";

interface Read {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  /** As much as has come of it. */
  readonly body: string;
  readonly shouldKeepAlive: boolean;
}

/** A connection on which what is given has come, and nothing gets out. */
class Given extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

/** @returns the requests that node:http finds in these bytes, as far as it gets */
export function readByNode(text: string): Read[] {
  const found: { readonly request: IncomingMessage; readonly shouldKeepAlive: boolean }[] = [];
  const server = createServer((request: IncomingMessage, { shouldKeepAlive }: ServerResponse) => {
    found.push({ request, shouldKeepAlive });
  });
  server.on("clientError", () => undefined);
  const connection = new Given();
  server.emit("connection", connection);
  // As the parser gets it from a socket, at once.
  connection.emit("data", Buffer.from(text, "latin1"));
  const read = found.map(({ request, shouldKeepAlive }) => {
    const { method, url, headers } = request;
    return { method, url, headers, body: bodyOf(request), shouldKeepAlive };
  });
  connection.destroy();
  server.close();
  return read;
}

function bodyOf(request: IncomingMessage): string {
  const bytes: unknown = request.read();
  return bytes instanceof Buffer ? bytes.toString("latin1") : "";
}
