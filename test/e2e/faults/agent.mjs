// A field agent in a process of its own, so that a test can stop it, or cut it off, as the world does.
//
//   node agent.mjs '{"host":"127.0.0.1","port":8443,"ca":"…","cert":"…","key":"…","query":"?wait=60","polls":1,"http2":false}'
//
// Polls so many times on one connection, one after the other, prints each answer as a line of JSON, and then stays as it
// is: connected, and silent.

import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { Agent, request } from "node:https";

const { host, port, ca, cert, key, query, polls, http2 } = JSON.parse(process.argv[2]);
const tls = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), servername: "localhost" };
const path = `/v1/agent/dispatch${query}`;

const poll = http2 ? pollerOverHttp2() : pollerOverHttp1();
for (let i = 0; i < polls; i += 1) console.log(JSON.stringify(await poll()));
setInterval(() => undefined, 60_000);

function pollerOverHttp1() {
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  return () =>
    new Promise((resolve, reject) => {
      const outgoing = request({ host, port, path, agent, headers: { host: "localhost" } }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text) => {
          body += text;
        });
        response.on("end", () => resolve({ status: response.statusCode, body }));
      });
      outgoing.on("error", reject).end();
    });
}

function pollerOverHttp2() {
  const session = connect(`https://${host}:${port}`, tls);
  return () =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": path });
      let status = 0;
      let body = "";
      stream.on("response", (headers) => {
        status = headers[":status"];
      });
      stream.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      stream.on("end", () => resolve({ status, body })).on("error", reject);
    });
}
