// Queues that others have made, if they are on the PATH: the same fan-out, through their own protocols. They keep what
// waits in memory, ask nobody who he is, and write no history.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { start } from "../support/calls.mjs";
import { row } from "../support/row.mjs";
import { listen } from "../support/server-side.mjs";
import { interleaved } from "../support/statistics.mjs";
import { sleep, withSubjects } from "../support/subjects.mjs";

const flagsOf = {
  "redis-server": (port, folder) => ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder],
  beanstalkd: (port) => ["-l", "127.0.0.1", "-p", port],
  "nats-server": (port) => ["-a", "127.0.0.1", "-p", port],
};

export async function peers(bench, { rounds, fanOut: { batchSize, peersAt, warmUp } }) {
  const rows = [];
  for (const program of Object.keys(flagsOf).filter(isOnPath)) {
    await withSubjects(
      { product: () => bench.product(), peer: () => startPeer(program, bench.folder) },
      async (both) => {
        for (const subject of Object.values(both)) await subject.park(peersAt);
        const product = () => fanOut(both.product, peersAt, batchSize);
        const peer = () => both.peer.client.call("fanOut", peersAt, batchSize);
        for (let n = 0; n < warmUp; n += peersAt) {
          await product();
          await peer();
        }
        const ms = await interleaved(rounds, { product, [program]: peer });
        const what = `${peersAt.toLocaleString("en")} wait, until the last has it, against ${program}`;
        rows.push(row("peers", what, "ms", ms));
      },
    );
  }
  return rows;
}

async function fanOut(product, count, batchSize) {
  await product.park(count);
  return product.client.call("fanOut", count, batchSize);
}

function isOnPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** As much of a `Subject` as is needed here. */
async function startPeer(program, folder) {
  const port = await freePort();
  const child = spawn(program, flagsOf[program](String(port), mkdtempSync(join(folder, "peer-"))), { stdio: "ignore" });
  const exited = once(child, "exit");
  const client = await start("client/peer.mjs", { program, port });
  return {
    client,
    async park(count) {
      // It listens when it listens, and none of them says so in the same way.
      await sleep(1_000);
      await client.call("park", count);
    },
    async stop() {
      await client.stop();
      child.kill();
      await exited;
    },
  };
}

async function freePort() {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}
