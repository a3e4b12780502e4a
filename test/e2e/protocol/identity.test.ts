import { renameSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Issued } from "../../../src/pki/issue.js";
import { HttpClient, type Reply, wireDispatch } from "../support/client.js";
import { untilParked } from "../support/parked.js";
import { otherCa, suffix, TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
const day = 86_400_000;

beforeAll(async () => {
  pki = await TestPki.create();
  writeFileSync(pki.path("revocations.json"), "{}");
  server = await TestServer.start(pki, {
    flags: ["--log-level", "debug", "--revocations", pki.path("revocations.json")],
  });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

function as(identity: Issued | undefined): HttpClient {
  return new HttpClient(server, pki, identity);
}

/** A refusal of the gate, or of the handshake: both are fine, being let in is not. */
async function refusal(identity: Issued | undefined): Promise<number | "handshake"> {
  return as(identity)
    .poll("?wait=0")
    .then(
      ({ status }) => status,
      () => "handshake" as const,
    );
}

function hostnameIn({ body }: Reply): string {
  return JSON.parse(body).hostname;
}

describe("protocol.md, Identity: the certificate's Common Name is the caller", () => {
  test("no header, token or query parameter can change that", async () => {
    await operator.enqueue(wireDispatch("victim"), wireDispatch("thief"));
    const headers = {
      authorization: "Bearer victim",
      host: "victim",
      "x-forwarded-for": "victim",
      "x-forwarded-client-cert": "Subject=CN=agent-victim.fleet.lab.internal",
      "x-ssl-client-s-dn": "CN=agent-victim.fleet.lab.internal",
      "x-machine-id": "victim",
    };
    const reply = await as(await pki.agent("thief")).poll("?wait=0&machine_id=victim&cn=victim&host=victim", {
      headers,
    });
    expect(hostnameIn(reply)).toBe("thief");
    expect((await as(await pki.agent("thief")).poll("?wait=0", { headers })).status).toBe(204);
    expect(hostnameIn(await as(await pki.agent("victim")).poll("?wait=0"))).toBe("victim");
  });

  test.each([
    ["agent-web-01.fleet.lab.internal", "web-01"],
    ["web-01", "web-01"],
    ["agent-web-01", "agent-web-01"],
    ["agent-web-01.other.suffix", "agent-web-01.other.suffix"],
    ["web-01.fleet.lab.internal", "web-01.fleet.lab.internal"],
    ["agent-a.b.fleet.lab.internal", "a.b"],
  ])("CN %s is the machine %s", async (cn, machineId) => {
    await operator.enqueue(wireDispatch(machineId));
    const reply = await as(await pki.client({ subject: [{ type: "CN", value: cn }] })).poll("?wait=0");
    expect(hostnameIn(reply)).toBe(machineId);
  });

  test("the suffix is a setting", async () => {
    const other = await TestServer.start(pki, { flags: ["--agent-cn-suffix", "prod.example"] });
    const machines = [];
    for (const cn of ["agent-web-01.prod.example", "agent-web-01.fleet.lab.internal"]) {
      await new HttpClient(other, pki, pki.operator).enqueue(wireDispatch("web-01"), wireDispatch(cn));
      const identity = await pki.client({ subject: [{ type: "CN", value: cn }] });
      machines.push(hostnameIn(await new HttpClient(other, pki, identity).poll("?wait=0")));
    }
    expect(machines).toEqual(["web-01", "agent-web-01.fleet.lab.internal"]);
    await other.stop();
  });
});

describe("protocol.md, Identity: what is refused", () => {
  test("no client certificate: 401 with an error object", async () => {
    const reply = await as(undefined).poll("?wait=0");
    expect(reply.status).toBe(401);
    expect(reply.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(reply.body)).toEqual({ code: "unauthenticated", message: "a client certificate is needed" });
  });

  test("a certificate of another CA", async () => {
    expect(await refusal(await pki.client({}, await otherCa()))).toBe(401);
  });

  test("a certificate that another CA of the same name has signed", async () => {
    const impostor = await pki.client({
      subject: [{ type: "CN", value: "test fleet CA" }],
      purposes: [],
      authority: { pathLength: 0 },
    });
    expect(await refusal(await pki.client({}, impostor))).toBe(401);
  });

  test("a certificate that has expired", async () => {
    const expired = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) };
    expect(await refusal(await pki.client(expired))).toBe(401);
  });

  test("a certificate that is not valid yet", async () => {
    expect(await refusal(await pki.client({ notBefore: new Date(Date.now() + day / 2) }))).toBe(401);
  });

  test("a certificate for servers only", async () => {
    expect(await refusal(await pki.client({ purposes: ["serverAuth"] }))).toBe(401);
  });

  test("a certificate without any extended key usage", async () => {
    expect(await refusal(await pki.client({ purposes: [] }))).toBe(401);
  });

  const cn = (value: string) => ({ type: "CN" as const, value });
  test.each([
    ["no CN at all", [{ type: "O" as const, value: "nobody" }]],
    ["two CNs", [cn(`agent-web-01.${suffix}`), cn("operator-test")]],
    ["an empty CN", [cn("")]],
    ["upper case in its CN", [cn("WEB-01")]],
    ["a space in its CN", [cn("web 01")]],
    ["a NUL in its CN", [cn(`agent-web-01.${suffix}\0.evil`)]],
    ["a newline in its CN", [cn("web-01\noperator-test")]],
    ["a slash in its CN", [cn("web/01")]],
    ["a CN that is no host name", [cn("-web-")]],
    ["__proto__ for a CN", [cn("__proto__")]],
  ])("no usable CN: %s", async (_, subject) => {
    expect(await refusal(await pki.client({ subject }))).toBe(401);
  });

  test("a session without a certificate stays without one when it is resumed", async () => {
    const anonymous = as(undefined);
    expect((await anonymous.poll("?wait=0")).status).toBe(401);
    expect((await anonymous.poll("?wait=0")).status).toBe(401);
  });
});

describe("protocol.md, Identity: revocation is per machine id, as an instant", () => {
  function revoke(list: Record<string, string>): Promise<unknown> {
    const before = server.log.filter((line) => line.msg === "revocations read").length;
    // Moved into place, as an operator's tool does it.
    writeFileSync(pki.path("next.json"), JSON.stringify(list));
    renameSync(pki.path("next.json"), pki.path("revocations.json"));
    server.kill("SIGHUP");
    return server.logged(
      (line) =>
        line.msg === "revocations read" && server.log.filter((each) => each.msg === "revocations read").length > before,
    );
  }

  test("a certificate issued before it is refused, a later one of the same machine is accepted again", async () => {
    const subject = [{ type: "CN" as const, value: `agent-lost.${suffix}` }];
    const old = await pki.client({ subject, notBefore: new Date(Date.now() - 2 * day) });
    const renewed = await pki.client({ subject, notBefore: new Date(Date.now() - day / 2) });
    expect((await as(old).poll("?wait=0")).status).toBe(204);
    await revoke({ lost: new Date(Date.now() - day).toISOString() });
    const reply = await as(old).poll("?wait=0");
    expect([reply.status, JSON.parse(reply.body).message]).toEqual([401, "the client certificate has been revoked"]);
    expect((await as(renewed).poll("?wait=0")).status).toBe(204);
    expect((await as(await pki.agent("other")).poll("?wait=0")).status).toBe(204);
    await revoke({});
    expect((await as(old).poll("?wait=0")).status).toBe(204);
  });

  test("a poll that is parked when its host is revoked is cut, and what comes afterwards stays in the queue", async () => {
    const agent = await pki.agent("parked-and-revoked");
    const poll = as(agent).poll("?wait=60");
    const cut = expect(poll).rejects.toThrow();
    await untilParked(server, "parked-and-revoked");
    await revoke({ "parked-and-revoked": new Date(Date.now() + day).toISOString() });
    await cut;
    await operator.enqueue(wireDispatch("parked-and-revoked"));
    await revoke({});
    expect(hostnameIn(await as(agent).poll("?wait=0"))).toBe("parked-and-revoked");
  });

  test("a bad file keeps the old list and says so", async () => {
    await revoke({ "still-revoked": new Date(Date.now() + day).toISOString() });
    writeFileSync(pki.path("revocations.json"), '{"still-revoked": "yesterday"}');
    server.kill("SIGHUP");
    await server.logged((line) => line.msg === "the old revocations stay in force");
    expect((await as(await pki.agent("still-revoked")).poll("?wait=0")).status).toBe(401);
    await revoke({});
  });
});

describe("protocol.md, Identity: ?hostname=", () => {
  test("the machine id itself is accepted", async () => {
    await operator.enqueue(wireDispatch("web-05"));
    expect(hostnameIn(await as(await pki.agent("web-05")).poll("?wait=0&hostname=web-05"))).toBe("web-05");
  });

  test.each(["web-07", "", "WEB-06", "agent-web-06.fleet.lab.internal", "web-06."])(
    "anything else (%j) is 403 and never selects another host's queue",
    async (hostname) => {
      await operator.enqueue(wireDispatch("web-07"));
      const reply = await as(await pki.agent("web-06")).poll(`?wait=0&hostname=${hostname}`);
      expect(reply.status).toBe(403);
      expect(JSON.parse(reply.body).code).toBe("permission_denied");
      expect(hostnameIn(await as(await pki.agent("web-07")).poll("?wait=0"))).toBe("web-07");
    },
  );
});

describe("roles", () => {
  test("an agent may not enqueue, an operator may not poll", async () => {
    expect((await as(await pki.agent("web-08")).enqueue(wireDispatch("web-08"))).status).toBe(403);
    expect((await operator.poll("?wait=0")).status).toBe(403);
  });

  test("--operator-cn names operators, and they are never agents", async () => {
    const other = await TestServer.start(pki, { flags: ["--operator-cn", "planner", "--operator-cn", "*.ops"] });
    const statuses = [];
    for (const cn of ["planner", "jane.ops", "operator-test", "planner2"]) {
      const client = new HttpClient(other, pki, await pki.client({ subject: [{ type: "CN", value: cn }] }));
      statuses.push([cn, (await client.enqueue(wireDispatch("web-01"))).status, (await client.poll("?wait=0")).status]);
    }
    expect(statuses).toEqual([
      ["planner", 200, 403],
      ["jane.ops", 200, 403],
      ["operator-test", 403, 204],
      ["planner2", 403, 204],
    ]);
    await other.stop();
  });

  test("--operator-ca: what it issued is an operator's whatever the CN says, and nothing else is", async () => {
    const ca = await otherCa();
    pki.write("operator-ca", ca);
    const other = await TestServer.start(pki, { flags: ["--operator-ca", pki.path("operator-ca.crt")] });
    const statuses = [];
    for (const [name, identity] of [
      ["an agent's CN under the operators' CA", await pki.client({}, ca)],
      ["an operator's CN under the fleet's CA", pki.operator],
      [
        "an operator's CN under the fleet's CA, with the operators' CA in its chain",
        { ...pki.operator, certPem: `${pki.operator.certPem}${ca.certPem}` },
      ],
    ] as const) {
      const client = new HttpClient(other, pki, identity);
      statuses.push([
        name,
        (await client.enqueue(wireDispatch("web-01"))).status,
        (await client.poll("?wait=0")).status,
      ]);
    }
    expect(statuses.map(([, enqueued, polled]) => [enqueued, polled])).toEqual([
      [200, 403],
      [403, 204],
      [403, 204],
    ]);
    await other.stop();
  });
});
