import { setTimeout as pause } from "node:timers/promises";
import { HttpClient } from "../support/client.js";
import type { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

export interface Several {
  readonly one: TestServer;
  readonly two: TestServer;
  readonly three: TestServer;
}

/** Three processes of the built program on one database. Nothing but what the servers tell each other can wake a poll. */
export async function startThree(pki: TestPki, postgres: string, flags: readonly string[] = []): Promise<Several> {
  const [one, two, three] = await Promise.all([
    startNamed(pki, postgres, "one", flags),
    startNamed(pki, postgres, "two", flags),
    startNamed(pki, postgres, "three", flags),
  ]);
  return { one, two, three };
}

export function startNamed(pki: TestPki, postgres: string, name: string, flags: readonly string[] = [], port = 0) {
  const always = ["--log-level", "debug", "--sweep", "1h", "--server-name", name];
  return TestServer.start(pki, { postgres, port, flags: [...always, ...flags] });
}

export async function stopAll(servers: Several | undefined): Promise<void> {
  await Promise.all(Object.values(servers ?? {}).map((server) => (server.hasExited ? undefined : server.stop())));
}

export async function agentAt(server: Pick<TestServer, "port">, pki: TestPki, hostname: string): Promise<HttpClient> {
  return new HttpClient(server, pki, await pki.agent(hostname));
}

export function operatorAt(server: Pick<TestServer, "port">, pki: TestPki): HttpClient {
  return new HttpClient(server, pki, pki.operator);
}

/** Asks until the answer is what it must become; for what servers tell each other within seconds. */
export async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    await pause(100);
  }
}
