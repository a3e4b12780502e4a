// Where and when the figures were taken.

import { execFileSync } from "node:child_process";
import { cpus, loadavg, totalmem } from "node:os";

export function machine() {
  const [first] = cpus();
  return {
    cpu: first?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString().slice(0, 10),
    // Who else was at it: above the number of cores, times say little and only ratios something.
    load: loadavg().map((load) => Math.round(load * 10) / 10),
    commit:
      git("rev-parse", "--short=12", "HEAD") +
      (git("status", "--porcelain", "src", "bench") === "" ? "" : " and changes"),
  };
}

export function machineText({ cpu, cores, memoryGb, node, platform, date, commit, load }) {
  return `${cpu}, ${cores} cores, ${memoryGb} GB, ${platform}, Node.js ${node}; ${date}, commit ${commit}; load average over 15 minutes ${load[2]}`;
}

function git(...args) {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}
