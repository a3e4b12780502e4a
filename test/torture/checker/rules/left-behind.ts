import type { Rule } from "../rule.js";

export const leftBehind: Rule = {
  name: "nothing left behind",
  promise: "once agents have asked for everything, nothing waits or is out any more",
  examine({ stories }, examination) {
    for (const { row, events } of stories.values()) {
      if (row === undefined) continue;
      examination.expect(row.state !== "pending" && row.state !== "leased", "left behind", row, ...events);
    }
  },
};
