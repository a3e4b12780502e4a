import { once } from "node:events";
import { ServerResponse } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issue } from "../../src/pki/issue.js";
import { agentProfile } from "../../src/pki/profile.js";
import { Listening } from "./listening.js";

let server: Listening;
beforeEach(async () => {
  server = await Listening.start();
});
afterEach(() => server.stop());

const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

describe("the connections", () => {
  test("are cut by their certificate, and those of others stay", async () => {
    const validity = { now: new Date(), days: 1 };
    const other = await issue(agentProfile("web-02", "fleet.lab.internal", validity), server.ca);
    const mine = await server.raw();
    const theirs = await server.raw(other);
    const h2 = await server.http2();
    const closed = [once(mine.tls.resume(), "close"), once(h2, "close")];
    const cut = server.listener.connections.destroyIf(({ commonNames }) =>
      commonNames.some((cn) => cn.includes("web-01")),
    );
    expect(cut).toBe(2);
    await Promise.all(closed);
    theirs.tls.write(get);
    const { response } = await server.nextOfNode();
    if (!(response instanceof ServerResponse)) throw new Error("not HTTP/1.1");
    response.end("still here");
    const [bytes] = await once(theirs.tls, "data");
    expect(String(bytes)).toContain("still here");
  });

  test("without a certificate are never cut by one", async () => {
    const { tls } = await server.raw({ certPem: "", keyPem: "" });
    expect(server.listener.connections.destroyIf(() => true)).toBe(0);
    expect(tls.destroyed).toBe(false);
  });

  test("leave nothing behind", async () => {
    const { tls } = await server.raw();
    const h2 = await server.http2();
    tls.destroy();
    h2.destroy();
    const gone = server.listener.drain();
    await gone;
    expect(server.listener.connections.size).toBe(0);
  });
});

describe("draining", () => {
  test("ends idle connections of either protocol at once", async () => {
    const { tls } = await server.raw();
    const h2 = await server.http2();
    const closed = [once(tls.resume(), "end"), once(h2, "close")];
    await server.listener.drain();
    await Promise.all(closed);
  });

  test("ends a busy connection when its last answer is out", async () => {
    const { tls } = await server.raw();
    tls.write(get + get);
    const first = await server.nextOfNode();
    const second = await server.nextOfNode();
    const drained = server.listener.drain();
    const end = once(tls, "end");
    let text = "";
    tls.on("data", (bytes) => {
      text += String(bytes);
    });
    for (const { response } of [first, second]) {
      if (response instanceof ServerResponse) response.end("bye");
    }
    await Promise.all([drained, end]);
    expect(text.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
    expect(await Promise.all([first.ended, second.ended])).toEqual(["flushed", "flushed"]);
  });

  test("is over only when every answer that did not leave has been reported", async () => {
    const h2 = await server.http2();
    h2.request({ ":path": "/" }).on("error", () => undefined);
    const { response, ended } = await server.nextOfNode();
    if (response instanceof ServerResponse) throw new Error("not HTTP/2");
    response.writeHead(200).end("no room was given for this");
    let reported = "nothing";
    void ended.then((ending) => {
      reported = ending;
    });
    const drained = server.listener.drain();
    server.listener.connections.destroyAll();
    await drained;
    expect(reported).toBe("lost");
  });

  test("can be cut short for a connection that has not even begun its handshake", async () => {
    const silent = connect(server.port, "127.0.0.1");
    silent.on("error", () => undefined);
    await once(silent, "connect");
    // A second one, made later, shows that the server has heard of the first.
    const { tls } = await server.raw();
    tls.resume();
    const drained = server.listener.drain();
    server.listener.connections.destroyAll();
    await drained;
    silent.destroy();
  });

  test("twice is the same as once", async () => {
    expect(server.listener.drain()).toBe(server.listener.drain());
  });
});
