// Agents that wait at another program, each on its own connection, and the producer who sends each its dispatch: in that
// program's own protocol.

import { once } from "node:events";
import { connect } from "node:net";
import { answerCalls } from "../support/calls.mjs";
import { dispatch, hostname, inBatches } from "../support/dispatches.mjs";
import { optionsOf } from "../support/server-side.mjs";

/** `wait`: what an agent says until something comes. `waits`: what it reads once it waits. `send`: one dispatch. */
const protocols = {
  "redis-server": {
    wait: (host) => `BLPOP ${host} 0\r\n`,
    send: (host, body) => `*3\r\n$5\r\nLPUSH\r\n${bulk(host)}${bulk(body)}`,
  },
  beanstalkd: {
    wait: (host) => `watch ${host}\r\nignore default\r\nreserve\r\n`,
    again: () => "reserve\r\n",
    send: (host, body) => `use ${host}\r\nput 0 0 60 ${body.length}\r\n${body}\r\n`,
  },
  "nats-server": {
    wait: (host) => `CONNECT {"verbose":false}\r\nSUB ${host} 1\r\n`,
    again: () => "",
    send: (host, body) => `PUB ${host} ${body.length}\r\n${body}\r\n`,
  },
};

function bulk(text) {
  return `$${text.length}\r\n${text}\r\n`;
}

const { program, port } = optionsOf(process.argv);
const { wait, again = wait, send } = protocols[program];
const agents = [];
let producer;
let onArrival = () => undefined;

async function open() {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  return socket;
}

/** A dispatch ends with its closure, however it is wrapped. */
function listen(agent) {
  let text = "";
  agent.on("data", (chunk) => {
    text += chunk.latin1Slice();
    if (!text.includes("soak_due_at")) return;
    text = "";
    onArrival();
  });
}

async function park(count) {
  producer ??= (await open()).resume();
  for (const some of inBatches(
    Array.from({ length: count }, (_, i) => i),
    200,
  )) {
    await Promise.all(
      some.map(async (i) => {
        agents[i] = await open();
        listen(agents[i]);
        agents[i].write(wait(hostname(i)));
      }),
    );
  }
}

/** @returns ms until the last has its own */
async function fanOut(count, batchSize) {
  let left = count;
  const startedMs = performance.now();
  const arrived = new Promise((resolve) => {
    onArrival = () => {
      left -= 1;
      if (left === 0) resolve(performance.now() - startedMs);
    };
  });
  for (const some of inBatches(
    Array.from({ length: count }, (_, i) => i),
    batchSize,
  )) {
    producer.write(some.map((i) => send(hostname(i), JSON.stringify(dispatch(i, 1)))).join(""));
  }
  const tookMs = await arrived;
  for (const [i, agent] of agents.entries()) agent.write(again(hostname(i)));
  return tookMs;
}

answerCalls({ park, fanOut });
