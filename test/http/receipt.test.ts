import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Proof } from "../../src/dispatch/delivery.js";
import { writeAnswer } from "../../src/http/answer.js";
import { Listening, type Reader, type Seen } from "./listening.js";
import { Relay } from "./relay.js";

let server: Listening;
let relay: Relay;
async function start(reader: Reader): Promise<void> {
  server = await Listening.start(reader);
  relay = await Relay.to(server.port);
}
afterEach(async () => {
  relay.close();
  await server.stop();
});

const nextRequest = "the next request on the connection";
const ping = "a PING answered after it";
const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** Keeps what becomes known of this request's answer. */
function follow({ exchange }: Seen) {
  let tell: (proof: Proof) => void = () => undefined;
  const received = new Promise<Proof>((resolve) => {
    tell = resolve;
  });
  const followed = { heard: [] as string[], received };
  const call = exchange.call("http", {
    identify: () => ({ kind: "operator", name: "operator-test" }),
    certificateLeftMs: () => 1,
  });
  call.follow({
    lost: () => followed.heard.push("lost"),
    flushed: () => followed.heard.push("flushed"),
    received: (proof) => {
      followed.heard.push(proof);
      tell(proof);
    },
  });
  return followed;
}

/** Answers the next request. @returns once the answer is with the operating system, what becomes known of it */
async function answerNext() {
  const seen = await server.next();
  const followed = follow(seen);
  answer(seen);
  expect(await seen.ended).toBe("flushed");
  // Not by `once`, which fails where the connection was reset.
  const closed = new Promise<void>((resolve) => seen.exchange.connection.socket.once("close", () => resolve()));
  return { ...followed, closed };
}

function answer({ exchange }: Seen): void {
  writeAnswer(exchange, { status: 200, body: "hello", contentType: "text/plain" });
}

function ask(session: ClientHttp2Session): void {
  session
    .request({ ":path": "/" })
    .on("error", () => undefined)
    .resume();
}

/** Has an answer proven on a connection of its own, so that whatever was on its way by then has had its time. */
async function proveAnother(): Promise<void> {
  ask(await server.http2(undefined, { window: 65_535 }));
  expect(await (await answerNext()).received).toBe(ping);
}

/** Whatever was sent on its connection by now has come. */
async function untilRead({ connection }: Seen["exchange"]): Promise<void> {
  const { bytesRead } = connection.socket;
  while (connection.socket.bytesRead === bytesRead) await setImmediate();
}

describe.each(["Node", "us"] as const)("over HTTP/1.1, read by %s, an answer's receipt", (reader) => {
  beforeEach(() => start(reader));

  test("is proven by the next request on its connection", async () => {
    const { tls } = await server.raw();
    tls.write(get);
    const followed = await answerNext();
    await once(tls, "data");
    expect(followed.heard).toEqual(["flushed"]);
    tls.write(get);
    await server.next();
    expect(followed.heard).toEqual(["flushed", nextRequest]);
  });

  test("is proven once, however many requests follow", async () => {
    const { tls } = await server.raw();
    tls.resume().write(get);
    const followed = await answerNext();
    for (let i = 0; i < 3; i += 1) {
      tls.write(get);
      await answerNext();
    }
    expect(followed.heard).toEqual(["flushed", nextRequest]);
  });

  test("is not proven by a request that was sent ahead of it", async () => {
    const { tls } = await server.raw();
    tls.resume().write(get + get);
    const first = await server.next();
    const second = await server.next();
    const followed = [follow(first), follow(second)];
    answer(first);
    answer(second);
    await Promise.all([first.ended, second.ended]);
    await proveAnother();
    expect(followed.map(({ heard }) => heard)).toEqual([["flushed"], ["flushed"]]);
    // The control: one that is sent after them proves both.
    tls.write(get);
    await server.next();
    expect(followed.map(({ heard }) => heard)).toEqual([
      ["flushed", nextRequest],
      ["flushed", nextRequest],
    ]);
  });

  test("is not proven while the answer waits behind another on its connection", async () => {
    const { tls } = await server.raw();
    tls.resume().write(get + get);
    const [first, second] = [await server.nextOfNode(), await server.nextOfNode()];
    const followed = follow(second);
    answer(second);
    tls.write(get);
    await server.next();
    expect(second.response.writableEnded).toBe(true);
    expect(followed.heard).toEqual([]);
    answer(first);
    expect(await second.ended).toBe("flushed");
    expect(followed.heard).toEqual(["flushed"]);
  });

  test("is not proven by a request of the same client on another connection", async () => {
    const [mine, other] = [await server.raw(), await server.raw()];
    mine.tls.resume().write(get);
    const followed = await answerNext();
    other.tls.write(get);
    await server.next();
    expect(followed.heard).toEqual(["flushed"]);
  });

  test("is not proven by bytes that are not a whole request yet", async () => {
    const { tls } = await server.raw();
    tls.resume().write(get);
    const followed = await answerNext();
    tls.write(get.slice(0, -2));
    await proveAnother();
    expect(followed.heard).toEqual(["flushed"]);
    tls.write(get.slice(-2));
    expect(await followed.received).toBe(nextRequest);
  });

  test.each(["closes", "half-closes", "resets"])("is never proven by a client that %s the connection", async (how) => {
    const { tls, tcp } = await server.raw();
    tls.resume().write(get);
    const followed = await answerNext();
    if (how === "closes") tls.destroy();
    else if (how === "half-closes") tls.end();
    else tcp.resetAndDestroy();
    await followed.closed;
    expect(followed.heard).toEqual(["flushed"]);
  });

  test("is never proven by a peer that has stopped, although the answer was flushed", async () => {
    const { tls } = await server.raw(undefined, "http/1.1", relay.port);
    relay.stopAnswers();
    tls.write(get);
    const followed = await answerNext();
    await proveAnother();
    expect(followed.heard).toEqual(["flushed"]);
    // The control: the same peer, once it goes on, reads the answer and asks again.
    relay.resumeAnswers();
    await once(tls, "data");
    tls.write(get);
    expect(await followed.received).toBe(nextRequest);
  });
});

describe("over HTTP/1.1, read by Node, an answer's receipt", () => {
  beforeEach(() => start("Node"));

  test("is proven by a request that is there before Node says that the answer is out", async () => {
    const untilAskedAgain = server.eager(get);
    const seen = await server.nextOfNode();
    const followed = follow(seen);
    // As takes are answered: behind the input of the turn. Node says that an answer is out at the end of the next.
    await setImmediate();
    answer(seen);
    expect(untilAskedAgain()).not.toBe("timed-out");
    await server.next();
    expect(seen.response.writableFinished).toBe(false);
    expect(followed.heard).toEqual(["flushed", nextRequest]);
    await once(seen.response, "close");
    expect(followed.heard).toEqual(["flushed", nextRequest]);
  });
});

describe("over HTTP/1.1, read by us, an answer's receipt", () => {
  beforeEach(() => start("us"));

  test("is not proven by a request that came ahead of it, and is by the next", async () => {
    const { tls } = await server.raw();
    const bytesOf = async () => String((await once(tls, "data"))[0]);
    tls.write(get);
    const first = await server.next();
    const followed = follow(first);
    tls.write(get.replace("GET /", "GET /second"));
    await untilRead(first.exchange);
    answer(first);
    const second = await server.next();
    expect([await first.ended, followed.heard]).toEqual(["flushed", ["flushed"]]);
    await bytesOf();
    answer(second);
    expect(await bytesOf()).toMatch(/^HTTP\/1.1 200 OK/);
    expect(followed.heard).toEqual(["flushed"]);
    tls.write(get);
    await server.next();
    expect(followed.heard).toEqual(["flushed", nextRequest]);
  });

  test("is proven by a request that is there before Node says that the answer is out", async () => {
    const untilAskedAgain = server.eager(get);
    const seen = await server.next();
    const followed = follow(seen);
    await setImmediate();
    answer(seen);
    expect(untilAskedAgain()).not.toBe("timed-out");
    await server.next();
    expect(followed.heard).toEqual(["flushed", nextRequest]);
  });
});

describe("over HTTP/2 an answer's receipt", () => {
  beforeEach(() => start("Node"));

  test("is proven by the answer to a PING that was sent after it", async () => {
    const session = await server.http2(undefined, { window: 65_535 });
    const heardByClient: string[] = [];
    session.on("ping", () => heardByClient.push("PING"));
    const stream = session.request({ ":path": "/" });
    stream.on("data", (bytes) => heardByClient.push(String(bytes)));
    const followed = await answerNext();
    expect(await followed.received).toBe(ping);
    expect(heardByClient).toEqual(["hello", "PING"]);
    expect(followed.heard).toEqual(["flushed", ping]);
  });

  test("is not proven by the next request, which may have been sent ahead of it", async () => {
    const session = await server.http2(undefined, { window: 65_535, port: relay.port });
    relay.stopAnswers();
    ask(session);
    const followed = await answerNext();
    ask(session);
    await server.next();
    expect(followed.heard).toEqual(["flushed"]);
  });

  test("is never proven by a peer that has stopped, although the answer was flushed", async () => {
    const session = await server.http2(undefined, { window: 65_535, port: relay.port });
    relay.stopAnswers();
    ask(session);
    const followed = await answerNext();
    await proveAnother();
    expect(followed.heard).toEqual(["flushed"]);
    // The control: the same peer, once it goes on, answers the PING.
    relay.resumeAnswers();
    expect(await followed.received).toBe(ping);
  });

  test("is never proven once the connection has closed", async () => {
    const session = await server.http2(undefined, { window: 65_535, port: relay.port });
    relay.stopAnswers();
    ask(session);
    const followed = await answerNext();
    relay.close();
    await followed.closed;
    expect(followed.heard).toEqual(["flushed"]);
  });

  test("takes one PING at a time, and what is flushed meanwhile shares the next", async () => {
    const session = await server.http2(undefined, { window: 65_535, port: relay.port });
    let pings = 0;
    session.on("ping", () => {
      pings += 1;
    });
    relay.stopAnswers();
    const followed = [];
    for (let i = 0; i < 5; i += 1) {
      ask(session);
      followed.push(await answerNext());
    }
    relay.resumeAnswers();
    expect(await Promise.all(followed.map(({ received }) => received))).toEqual([ping, ping, ping, ping, ping]);
    expect(pings).toBe(2);
  });

  test("is not proven by a PING that was sent before it", async () => {
    const session = await server.http2(undefined, { window: 65_535, port: relay.port });
    relay.stopAnswers();
    ask(session);
    const first = await answerNext();
    ask(session);
    const second = await answerNext();
    const order: string[] = [];
    void first.received.then(() => order.push("first"));
    void second.received.then(() => order.push("second"));
    const secondBeforeFirst = first.received.then(() => [...second.heard]);
    relay.resumeAnswers();
    expect(await secondBeforeFirst).toEqual(["flushed"]);
    await second.received;
    expect(order).toEqual(["first", "second"]);
  });
});
