import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { AgentError } from "../../src/agent/errors.js";
import { exitNameOf, exitTable } from "../../src/cli/exit.js";
import { Interrupted, interruptible } from "../../src/cli/interrupt.js";
import { UsageError } from "../../src/config/usage-error.js";
import { DispatchError } from "../../src/dispatch/errors.js";
import { recordingIo } from "./recording-io.js";

const systemError = (code: string): Error => Object.assign(new Error(code), { code });

test("the codes are those that scripts rely on", () => {
  const codes = Object.fromEntries(Object.entries(exitTable).map(([name, { code }]) => [name, code]));
  expect(codes).toEqual({ ok: 0, failure: 1, usage: 2, not_found: 3, denied: 4, unavailable: 5, interrupted: 130 });
});

describe("what was thrown decides", () => {
  test.each([
    ["a mistake of the user", new UsageError("x"), "usage"],
    ["an answer: not found", new ConnectError("x", Code.NotFound), "not_found"],
    ["an answer: permission denied", new ConnectError("x", Code.PermissionDenied), "denied"],
    ["an answer: unauthenticated", new ConnectError("x", Code.Unauthenticated), "denied"],
    ["an answer: unavailable", new ConnectError("x", Code.Unavailable), "unavailable"],
    ["an answer: too late", new ConnectError("x", Code.DeadlineExceeded), "unavailable"],
    ["an answer: invalid argument", new ConnectError("x", Code.InvalidArgument), "usage"],
    ["an answer: failed precondition", new ConnectError("x", Code.FailedPrecondition), "failure"],
    ["an answer: internal", new ConnectError("x", Code.Internal), "failure"],
    [
      "no answer, as Connect wraps it",
      new ConnectError("x", Code.Unknown, {}, [], systemError("ECONNREFUSED")),
      "unavailable",
    ],
    ["a reason of the table", new DispatchError("no_such_path", "x"), "not_found"],
    ["another reason of the table", new DispatchError("draining", "x"), "unavailable"],
    ["an agent that is denied", new AgentError("denied", "x"), "denied"],
    ["an agent that the network fails", new AgentError("network", "x"), "unavailable"],
    [
      "an agent whose code tells more than its kind",
      new AgentError("denied", "x", { code: "invalid_argument" }),
      "usage",
    ],
    ["an agent whose certificate cannot be read", new AgentError("credentials", "x"), "usage"],
    ["nobody listens", systemError("ECONNREFUSED"), "unavailable"],
    ["no such host", systemError("ENOTFOUND"), "unavailable"],
    [
      "a name with several addresses, none of which answers",
      new Error("", { cause: systemError("ECONNREFUSED") }),
      "unavailable",
    ],
    ["a file that cannot be written", systemError("EACCES"), "failure"],
    ["a signal", new Interrupted("x"), "interrupted"],
    ["an aborted call", new DOMException("x", "AbortError"), "interrupted"],
    ["a call that took too long", new DOMException("x", "TimeoutError"), "unavailable"],
    ["a bug", new TypeError("x"), "failure"],
    ["no error at all", "x", "failure"],
    ["nothing", undefined, "failure"],
  ])("%s", (_, thrown, name) => {
    expect(exitNameOf(thrown)).toBe(name);
  });

  test("a circle of causes has an end", () => {
    const error = new Error("x");
    error.cause = error;
    expect(exitNameOf(error)).toBe("failure");
  });
});

describe("a signal", () => {
  test.each(["SIGINT", "SIGTERM"])("%s ends the work, and the next one is left to the system", async (name) => {
    const { io, signals } = recordingIo();
    const work = interruptible(io, async (signal) => {
      signals.emit(name, name);
      expect(signals.listenerCount("SIGINT") + signals.listenerCount("SIGTERM")).toBe(0);
      signal.throwIfAborted();
    });
    const thrown: unknown = await work.catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Interrupted);
    expect(exitNameOf(thrown)).toBe("interrupted");
  });

  test("that never comes leaves no listener behind", async () => {
    const { io, signals } = recordingIo();
    expect(await interruptible(io, async ({ aborted }) => aborted)).toBe(false);
    expect(signals.eventNames()).toEqual([]);
  });
});
