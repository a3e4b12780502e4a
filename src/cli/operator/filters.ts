import { type Command, Option } from "commander";
import { invalid } from "../../dispatch/errors.js";
import { parseHostname } from "../../dispatch/hostname.js";
import { parseRolloutId } from "../../dispatch/rollout.js";
import type { WrittenOptions } from "./written-options.js";

/** Adds `--host` and `--host-prefix`, which exclude each other. */
export function addHostOptions(command: Command): Command {
  return command
    .addOption(new Option("--host <HOST>", "Only this host.").conflicts("hostPrefix"))
    .addOption(new Option("--host-prefix <PREFIX>", "Only hosts whose names begin so."));
}

/** What {@link addHostOptions} asked for, checked by the server's rules. @throws DispatchError `invalid_argument` */
export function hostFilter({ text }: WrittenOptions) {
  const [host, prefix] = [text("host"), text("hostPrefix")];
  return {
    ...(host === undefined ? {} : { hostname: parseHostname(host, "--host") }),
    ...(prefix === undefined
      ? {}
      : { hostnamePrefix: parsePart(prefix, "--host-prefix", "a-z, 0-9, dots and hyphens") }),
  };
}

/** `--host` and `--rollout`. @throws DispatchError `invalid_argument` */
export function pairFilter({ text }: WrittenOptions) {
  const [host, rollout] = [text("host"), text("rollout")];
  return {
    ...(host === undefined ? {} : { hostname: parseHostname(host, "--host") }),
    ...(rollout === undefined ? {} : { rolloutId: parseRolloutId(rollout, "--rollout") }),
  };
}

/** `--rollout` and `--channel`. @throws DispatchError `invalid_argument` */
export function rolloutFilter({ text }: WrittenOptions) {
  const [rollout, channel] = [text("rollout"), text("channel")];
  return {
    ...(rollout === undefined ? {} : { rolloutId: parseRolloutId(rollout, "--rollout") }),
    ...(channel === undefined ? {} : { channel: parsePart(channel, "--channel", "a-z, 0-9, _ and hyphens") }),
  };
}

const alphabets = {
  "a-z, 0-9, dots and hyphens": /^[a-z0-9.-]{1,253}$/,
  "a-z, 0-9, _ and hyphens": /^[a-z0-9_-]{1,64}$/,
} as const;

/** What could not be in any name would find nothing, and look like an answer. */
function parsePart(value: string, field: string, alphabet: keyof typeof alphabets): string {
  if (alphabets[alphabet].test(value)) return value;
  throw invalid(field, `must be of ${alphabet}`);
}
