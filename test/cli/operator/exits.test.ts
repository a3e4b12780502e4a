import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cancelCommand } from "../../../src/cli/cancel.js";
import { explainCommand } from "../../../src/cli/explain.js";
import { hostsCommand } from "../../../src/cli/hosts.js";
import type { Io } from "../../../src/cli/io.js";
import { listCommand } from "../../../src/cli/list.js";
import { restoreCommand } from "../../../src/cli/restore.js";
import { revocationsCommand } from "../../../src/cli/revocations.js";
import { revokeCommand } from "../../../src/cli/revoke.js";
import { showCommand } from "../../../src/cli/show.js";
import { statsCommand } from "../../../src/cli/stats.js";
import { watchCommand } from "../../../src/cli/watch.js";
import { Served } from "../history/served.js";

const commands: readonly [name: string, command: (io: Io) => Command, args: readonly string[]][] = [
  ["list", listCommand, []],
  ["show", showCommand, ["web-01", "stable@a1"]],
  ["explain", explainCommand, ["web-01", "stable@a1"]],
  ["cancel", cancelCommand, ["--host", "web-01", "--yes"]],
  ["watch", watchCommand, []],
  ["hosts", hostsCommand, []],
  ["stats", statsCommand, []],
  ["revoke", revokeCommand, ["web-01", "--yes"]],
  ["restore", restoreCommand, ["web-01"]],
  ["revocations", revocationsCommand, []],
];

let served: Served;
let goneUrl: string;
beforeAll(async () => {
  const gone = await Served.start();
  goneUrl = gone.url;
  await gone.close();
  served = await Served.start();
});
afterAll(() => served.close());

describe.each(commands)("%s", (_, command, args) => {
  test("with an agent's certificate: exit code 4, and the server's own words", async () => {
    const { code, stdout, stderr } = await served.run(command, ["--cert", "ag.crt", "--key", "ag.key", ...args]);
    expect([code, stdout]).toEqual([4, ""]);
    expect(stderr).toMatch(/^error: .*for operators/);
  });

  test("where nobody listens: exit code 5, and what to do", async () => {
    const { code, stdout, stderr } = await served.run(command, ["--server", goneUrl, ...args]);
    expect([code, stdout]).toEqual([5, ""]);
    expect(stderr).toMatch(/^error: .*ECONNREFUSED.*\nhint: Nothing listens there/);
  });

  test("with a certificate of another CA's server: nothing is sent, and the way out is named", async () => {
    const { code, stdout, stderr } = await served.run(command, ["--ca", "op.crt", ...args]);
    expect([code === 0, stdout]).toEqual([false, ""]);
    expect(stderr).toMatch(/\nhint: .*--ca/);
  });
});

test("what does not exist: exit code 3", async () => {
  expect((await served.run(showCommand, ["web-01", "stable@a1"])).code).toBe(3);
});
