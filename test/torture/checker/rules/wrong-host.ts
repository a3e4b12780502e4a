import { mayHaveHappened } from "../facts.js";
import { storyOf } from "../ledger.js";
import type { Rule } from "../rule.js";

export const wrongHost: Rule = {
  name: "right host",
  promise: "a host gets what was enqueued for it, as it was enqueued, and nothing else",
  examine(ledger, examination) {
    for (const reception of ledger.receptions) {
      const { hostname, result, toMs } = reception;
      examination.expect(result.hostname === hostname, "handed to another host", reception);
      const asEnqueued = storyOf(ledger, result)?.enqueues.some(
        (enqueue) => mayHaveHappened(enqueue) && enqueue.closure === result.closure && enqueue.fromMs <= toMs,
      );
      examination.expect(asEnqueued === true, "nobody had enqueued this by then", reception);
    }
  },
};
