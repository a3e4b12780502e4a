import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Issued, issue } from "../../../src/pki/issue.js";
import { serverProfile } from "../../../src/pki/profile.js";
import { connectRaw, HttpClient, wireDispatch } from "../support/client.js";
import { untilParked } from "../support/parked.js";
import { otherCa, TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

const validity = { now: new Date(), days: 2 };

let pki: TestPki;
let server: TestServer;
let secondCa: Issued;
beforeAll(async () => {
  pki = await TestPki.create();
  secondCa = await otherCa();
});
afterAll(() => pki.remove());

beforeEach(async () => {
  pki.write("server", pki.server);
  pki.write("ca", pki.ca);
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
});
afterEach(() => server.stop());

async function reload(): Promise<void> {
  const before = server.log.filter(isReload).length;
  server.kill("SIGHUP");
  await server.logged((line) => isReload(line) && server.log.filter(isReload).length > before);
}

const isReload = ({ msg }: { msg?: unknown }) => String(msg).startsWith("reload");

/** The fingerprint of what the server shows to whoever connects now. */
async function shownCertificate(): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: server.port, servername: "localhost", ca: pki.ca.certPem });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test("SIGHUP: who connects from now on sees the new certificate; who is parked stays, and gets its dispatch", async () => {
  const client = new HttpClient(server, pki, await pki.agent("web-01"));
  const poll = client.poll("?wait=60");
  await untilParked(server, "web-01");
  const before = await shownCertificate();
  pki.write("server", await issue(serverProfile(["localhost", "127.0.0.1"], validity), pki.ca));
  // The control: the file alone changes nothing.
  expect(await shownCertificate()).toBe(before);
  await reload();
  expect(await shownCertificate()).not.toBe(before);
  await new HttpClient(server, pki, pki.operator).enqueue(wireDispatch("web-01"));
  expect((await poll).status).toBe(200);
});

test("a client CA that is no longer there: its connections are cut, the others go on; the new CA's agents come in", async () => {
  const operator = pki.operator;
  const ours = new HttpClient(server, pki, await pki.agent("web-01"));
  const theirs = await pki.client({ subject: [{ type: "CN", value: "web-02" }] }, secondCa);
  expect((await new HttpClient(server, pki, theirs).poll("?wait=0")).status).toBe(401);

  pki.write("ca", { certPem: `${pki.ca.certPem}\n${secondCa.certPem}`, keyPem: pki.ca.keyPem });
  await reload();
  const parkedOurs = ours.poll("?wait=60");
  const newcomer = new HttpClient(server, pki, theirs);
  const parkedTheirs = newcomer.poll("?wait=60").then(
    ({ status }) => status,
    () => "cut",
  );
  await Promise.all([untilParked(server, "web-01"), untilParked(server, "web-02")]);

  pki.write("ca", pki.ca);
  await reload();
  expect(await parkedTheirs).toBe("cut");
  expect((await newcomer.poll("?wait=0")).status).toBe(401);
  await new HttpClient(server, pki, operator).enqueue(wireDispatch("web-01"));
  expect((await parkedOurs).status).toBe(200);
});

test.each([
  ["a key of another certificate", () => pki.write("server", { ...pki.server, keyPem: pki.operator.keyPem })],
  ["no certificate at all", () => pki.write("server", { ...pki.server, certPem: "nothing" })],
])("SIGHUP with %s: the old one stays in force, and the log names the file", async (_, spoil) => {
  const before = await shownCertificate();
  spoil();
  await reload();
  expect(server.log.find(isReload)).toMatchObject({
    level: 50,
    msg: "reload failed; the old certificates stay in force",
  });
  expect(JSON.stringify(server.log.find(isReload))).toContain("server.");
  expect(await shownCertificate()).toBe(before);
  expect((await new HttpClient(server, pki, await pki.agent("web-01")).poll("?wait=0")).status).toBe(204);
});

test("an idle connection does not outlive its client's certificate", async () => {
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const short = await pki.client({
    subject: [{ type: "CN", value: "web-03" }],
    notBefore: new Date((nowSeconds - 60) * 1_000),
    notAfter: new Date((nowSeconds + 3) * 1_000),
  });
  const { tls } = await connectRaw(server, pki, short);
  const lasting = await connectRaw(server, pki, await pki.agent("web-04"));
  await once(tls, "close");
  expect(await server.logged(({ msg }) => String(msg).endsWith("have expired"))).toMatchObject({ connections: 1 });
  // The control: the connection beside it, as idle, with a certificate that still holds.
  expect(lasting.tls.destroyed).toBe(false);
  lasting.tls.destroy();
});
