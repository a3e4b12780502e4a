import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { QueueService } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { LastingConnection } from "../../src/cli/relayed-transport.js";

/** Connections that are numbered, of which the test decides how they answer. */
function connections(answer: (connection: number) => void) {
  const closed: number[] = [];
  let made = 0;
  const lasting = new LastingConnection(async () => {
    made += 1;
    const own = made;
    const transport = createRouterTransport(({ service }) => {
      service(QueueService, {
        getStats: () => {
          answer(own);
          return { version: String(own) };
        },
        watchEvents: async function* () {
          yield { lastId: BigInt(own) };
          yield { lastId: BigInt(own) };
        },
      });
    });
    return { transport, close: () => closed.push(own) };
  });
  return { lasting, closed, client: createClient(QueueService, lasting.transport), made: () => made };
}

const fail = (code: Code) => {
  throw new ConnectError("no", code);
};

describe("a connection that lasts", () => {
  test("is made with the first call, and used for all that follow", async () => {
    const { client, made } = connections(() => undefined);
    expect(made()).toBe(0);
    await Promise.all([client.getStats({}), client.getStats({})]);
    expect((await client.getStats({})).version).toBe("1");
    expect(made()).toBe(1);
  });

  test.each([Code.Unauthenticated, Code.Unavailable])(
    "is made anew, with the certificate read anew, after an error of code %i",
    async (code) => {
      const { client, closed } = connections((connection) => {
        if (connection === 1) fail(code);
      });
      await expect(client.getStats({})).rejects.toThrow("no");
      expect((await client.getStats({})).version).toBe("2");
      expect(closed).toEqual([1]);
    },
  );

  test("goes on after an error of the call itself", async () => {
    const { client, made } = connections(() => fail(Code.NotFound));
    await expect(client.getStats({})).rejects.toThrow("no");
    await expect(client.getStats({})).rejects.toThrow("no");
    expect(made()).toBe(1);
  });

  test("that is left is closed when the last stream on it has ended", async () => {
    const { client, closed } = connections((connection) => {
      if (connection === 1) fail(Code.Unavailable);
    });
    const stream = client.watchEvents({})[Symbol.asyncIterator]();
    await stream.next();
    await expect(client.getStats({})).rejects.toThrow("no");
    expect(closed).toEqual([]);
    while ((await stream.next()).done !== true);
    expect(closed).toEqual([1]);
  });

  test("closes what is open when it is closed", async () => {
    const { lasting, client, closed } = connections(() => undefined);
    await client.getStats({});
    lasting.close();
    expect(closed).toEqual([1]);
  });
});
