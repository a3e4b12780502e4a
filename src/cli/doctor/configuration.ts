import type { Command } from "commander";
import { resolveClient, resolveServeWithOrigins } from "../../config/resolve.js";
import { type ClientConfig, clientGroup, type ServeConfig } from "../../config/settings.js";
import { UsageError } from "../../config/usage-error.js";
import { unknownVariables } from "../../config/variables.js";
import { formatDuration } from "../../words/elapsed.js";
import type { Io } from "../io.js";
import { checkServerFiles } from "../operator/server-files.js";
import { writtenSources } from "../options.js";
import { messageOf } from "../output.js";
import { type Finding, fail, ok, skip, warn } from "./finding.js";

/** A finding, and what was needed to come to it; `undefined` if that is not to be had. */
export interface Found<T> {
  readonly finding: Finding;
  readonly value: T | undefined;
}

/** The settings of the connection, as every other command finds them. */
export function findClientConfig(command: Command, io: Io): Found<ClientConfig> {
  return found(() => {
    const value = resolveClient(writtenSources(command, clientGroup, io));
    const detail = `the server is ${value.server}, a call may take ${formatDuration(value.timeout)}`;
    const [unknown] = unknownVariables(io.env);
    const finding = unknown === undefined ? ok(detail) : warn(unknown, "Correct it, or remove it.");
    return { finding, value };
  });
}

/** The settings of a server that runs on this machine, if they are to be seen from here: in its file or variables. */
export function findServeConfig(configFile: string | undefined, io: Io): Found<ServeConfig> {
  return found(() => {
    const { config, origins } = resolveServeWithOrigins({ flags: new Map(), configFile, env: io.env, cwd: io.cwd });
    return { finding: judgeServeConfig(config, [...origins.keys()]), value: config };
  });
}

function judgeServeConfig(config: ServeConfig, written: readonly string[]): Finding {
  // Commands that call a server have a state folder too.
  const own = written.filter((property) => property !== "stateDir");
  if (own.length === 0) return skip("no settings of a server are to be seen on this machine");
  const warnings: string[] = [];
  checkServerFiles(config, (text) => warnings.push(text));
  const [first] = warnings;
  if (first !== undefined) return warn(first, "To see all of it: nixfleet-dispatch config check");
  return ok(`${own.length} of the server's settings are given, and the files that they name are in order`);
}

function found<T>(find: () => Found<T>): Found<T> {
  try {
    return find();
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    return { finding: fail(messageOf(thrown), thrown.hint), value: undefined };
  }
}
