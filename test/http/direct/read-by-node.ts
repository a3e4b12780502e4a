import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";

interface Read {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
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
  const found: Read[] = [];
  const server = createServer(({ method, url, headers }: IncomingMessage, { shouldKeepAlive }: ServerResponse) => {
    found.push({ method, url, headers, shouldKeepAlive });
  });
  server.on("clientError", () => undefined);
  const connection = new Given();
  server.emit("connection", connection);
  // As the parser gets it from a socket, at once.
  connection.emit("data", Buffer.from(text, "latin1"));
  connection.destroy();
  server.close();
  return found;
}
