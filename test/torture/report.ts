import type { Tally } from "./tally.js";

/** Where a run stands, for one line. */
export function progressText(tally: Tally): string {
  const { killed, failed } = tally.ends;
  const received = tally.count("take", "received", "received again");
  return `${tally.rounds} rounds, ${killed + failed} kills, ${received} received, ${tally.violations} promises broken`;
}

/** What a run has found, as lines. */
export function summaryLines(tally: Tally, seed: number, elapsedMs: number): string[] {
  const counted = countLines(tally).map(([what, count]) => `  ${what.padEnd(52)}${number(count)}`);
  const verdicts = [...tally.verdicts.values()].map(({ rule, examined, violations }) => {
    const verdict = examined === 0 ? "never put to the test" : violations.length === 0 ? "held" : "BROKEN";
    return `  ${rule.padEnd(24)}${number(examined)}${number(violations.length)}   ${verdict}`;
  });
  return [
    `${tally.rounds} rounds in ${(elapsedMs / 60_000).toFixed(1)} min, seed ${seed}`,
    ...counted,
    "",
    `  ${"promise".padEnd(24)}${"examined".padStart(10)}${"broken".padStart(10)}`,
    ...verdicts,
    ...troubleLines(tally),
  ];
}

function countLines(tally: Tally): [string, number][] {
  const { killed, failed, stopped } = tally.ends;
  const words = (...results: string[]) =>
    tally.count("acknowledge", ...results) + tally.count("reject", ...results) + tally.count("extend", ...results);
  return [
    ["servers killed at random moments", killed],
    ["servers killed between a commit and its answer", failed],
    ["servers stopped in good order", stopped],
    ["dispatches enqueued and acknowledged", tally.count("enqueue", "created", "replaced", "kept")],
    ["…whose call got no answer", tally.count("enqueue", "unknown")],
    ["dispatches received", tally.count("take", "received", "received again")],
    ["…of these, redelivered", tally.count("take", "received again")],
    ["polls that got no answer", tally.count("take", "unknown")],
    ["agents' words that counted", words("ok")],
    ["…that came too late", words("over")],
    ["…that got no answer", words("unknown")],
    ["cancellations", tally.count("cancel", "cancelled")],
    ["…that came too late", tally.count("cancel", "too_late")],
  ];
}

function troubleLines({ verdicts, errors, keptAt, ends }: Tally): string[] {
  const lines: string[] = [];
  if (ends.crashed > 0) lines.push("", `CRASHED: ${ends.crashed} servers ended by themselves`);
  for (const { rule, promise, violations } of verdicts.values()) {
    const [first] = violations;
    if (first === undefined) continue;
    lines.push("", `BROKEN: ${rule}: ${promise}`, `${first.message}:`);
    lines.push(...first.evidence.map((each) => `  ${JSON.stringify(each)}`));
  }
  if (keptAt !== undefined) lines.push("", `everything that the clients saw in that round: ${keptAt}`);
  if (errors.length > 0)
    lines.push("", `the servers logged ${errors.length} errors, the first of them:`, errors[0] ?? "");
  return lines;
}

function number(value: number): string {
  return value.toLocaleString("en").padStart(10);
}
