import { renameSync } from "node:fs";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.js";
import { HttpClient } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let db: string;
beforeEach(async () => {
  pki = await TestPki.create();
  db = pki.path("health/dispatch.db");
  server = await TestServer.start(pki, { db });
});
afterEach(async () => {
  if (!server.hasExited) await server.stop();
  pki.remove();
});

/** A probe: it has no certificate. */
function probe(wire: "grpc" | "connect" = "grpc") {
  const options = { baseUrl: server.url, nodeOptions: { ca: pki.ca.certPem } };
  const transport =
    wire === "grpc" ? createGrpcTransport(options) : createConnectTransport({ ...options, httpVersion: "1.1" });
  return createClient(Health, transport);
}

describe("grpc.health.v1 on the API's port, without a certificate", () => {
  test.each(["grpc", "connect"] as const)(
    "Check over %s: the server, each of its services, and no other",
    async (wire) => {
      for (const service of [
        "",
        "nixfleet.dispatch.v1.AgentService",
        "nixfleet.dispatch.v1.QueueService",
        "nixfleet.dispatch.v1.TrustService",
      ]) {
        expect((await probe(wire).check({ service })).status).toBe(Status.SERVING);
      }
      const unknown = probe(wire)
        .check({ service: "nobody" })
        .catch((error: unknown) => ConnectError.from(error).code);
      expect(await unknown).toBe(Code.NotFound);
    },
  );

  test("Watch tells the status at once, then only changes; of a drain at once, and ends", async () => {
    const seen: Status[] = [];
    const watched = (async () => {
      for await (const { status } of probe().watch({})) {
        seen.push(status);
        if (seen.length === 1) server.kill("SIGTERM");
      }
    })();
    await watched.catch(() => undefined);
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
    expect(await server.exited()).toBe(0);
  });

  test("Watch of a service that is not known says so, as it may come to be known", async () => {
    const leave = new AbortController();
    const answers = probe().watch({ service: "nobody" }, { signal: leave.signal })[Symbol.asyncIterator]();
    expect((await answers.next()).value.status).toBe(Status.SERVICE_UNKNOWN);
    leave.abort();
  });

  test("a store that cannot be written: not serving", async () => {
    renameSync(db, `${db}-away`);
    expect((await probe().check({})).status).toBe(Status.NOT_SERVING);
  });
});

describe("/readyz?verbose", () => {
  test("names each check, on both ports", async () => {
    const body = "[+] drain: ok\n[+] store: ok\nready\n";
    const reply = await new HttpClient(server, pki, undefined).ask("/readyz?verbose");
    expect([reply.status, reply.body]).toEqual([200, body]);
    const admin = await fetch(`${server.adminUrl}/readyz?verbose`);
    expect([admin.status, await admin.text()]).toEqual([200, body]);
  });

  test("says which one fails, and nothing of files", async () => {
    renameSync(db, `${db}-away`);
    const admin = await fetch(`${server.adminUrl}/readyz?verbose`);
    expect([admin.status, await admin.text()]).toEqual([
      503,
      "[+] drain: ok\n[-] store: the store does not answer\nnot ready\n",
    ]);
    const plain = await fetch(`${server.adminUrl}/readyz`);
    expect([plain.status, await plain.text()]).toEqual([503, "the store does not answer\n"]);
    // The process answers all the same: a restart would not mend a disk.
    expect((await fetch(`${server.adminUrl}/livez`)).status).toBe(200);
  });
});
