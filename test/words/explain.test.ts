import { describe, expect, test } from "vitest";
import { explain } from "../../src/words/explain.js";
import { type Facts, type Reason, reasons } from "../../src/words/explanation.js";
import type { KnownDispatch } from "../../src/words/record.js";
import { utcTime } from "../../src/words/times.js";
import { at, dispatch, enqueued, event, facts, host, now, stranger } from "./facts.js";

const told = (given: Facts) => explain(given, { now, time: utcTime });

/** With a dispatch in this state since 11:30, and what happened after its enqueue. */
function inState(change: Partial<KnownDispatch>, ...events: Facts["events"]): Facts {
  return facts({ dispatch: dispatch({ changedAt: at("11:30:00"), ...change }), events: [enqueued, ...events] });
}

const handedOut = event(2, "leased", at("11:30:00"));
const lease = { state: "leased", attempt: 1, leaseExpiresAt: at("12:00:42") } as const;
const waiting = "stable@a1 has been waiting for web-01 since 2026-05-16 11:00:00Z (1 h ago)";

/** One of each reason: leaving one out does not compile. */
const cases = {
  never_enqueued: [
    facts({ dispatch: null, events: [], host: stranger }),
    "web-01 has not got stable@a1 because nothing was enqueued for it under this rollout; it has never polled.",
  ],
  not_before: [
    inState({ notBefore: at("14:00:00"), attempt: 0 }),
    "web-01 has not got stable@a1 because it is not handed out before 2026-05-16 14:00:00Z (in 2 h).",
  ],
  revoked: [
    facts({ host: host({ lastSeenAt: at("09:00:00"), revokedBefore: at("11:00:00") }) }),
    `${waiting}, and certificates of web-01 that were issued before 2026-05-16 11:00:00Z (1 h ago) are refused, since it ` +
      "is revoked.",
  ],
  never_polled: [facts({ host: stranger }), `${waiting}, and web-01 has never polled.`],
  certificate_expired: [
    facts({ host: host({ lastSeenAt: at("11:50:00"), certificateNotAfter: at("11:55:00") }) }),
    `${waiting}, and the certificate with which web-01 last polled at 2026-05-16 11:50:00Z (10 m ago) has expired at ` +
      "2026-05-16 11:55:00Z (5 m ago).",
  ],
  not_polling: [
    facts({ host: host({ lastSeenAt: at("09:00:00") }) }),
    `${waiting}, and web-01 has not polled for 3 h, since 2026-05-16 09:00:00Z.`,
  ],
  between_polls: [
    facts(),
    `${waiting}, and web-01 polled at 2026-05-16 11:59:50Z (10 s ago), but has no poll parked at this server now.`,
  ],
  parked: [
    facts({ host: host({ parkedPolls: 1, parkedSince: at("11:59:50") }) }),
    `${waiting}, although a poll of web-01 is parked here right now since 2026-05-16 11:59:50Z (10 s ago), so it should ` +
      "be handed out at once.",
  ],
  waiting: [facts({ host: null }), `${waiting}, and nothing is known of the host.`],
  leased: [
    inState(lease, handedOut),
    "stable@a1 is leased to web-01 at 10.0.0.7 over http until 2026-05-16 12:00:42Z (in 42 s), which has not " +
      "acknowledged it yet (attempt 1 of 10).",
  ],
  lease_ran_out: [
    inState({ ...lease, leaseExpiresAt: at("11:59:55") }, handedOut),
    "stable@a1 was handed out to web-01 at 10.0.0.7 over http, but its lease should have ended at 2026-05-16 11:59:55Z " +
      "(5 s ago), after which it waits again.",
  ],
  awaiting_proof: [
    inState(lease, { ...handedOut, detail: "until receipt is proven" }),
    "stable@a1 was handed out to web-01 at 10.0.0.7 over http at 2026-05-16 11:30:00Z (30 m ago), attempt 1 of 10, and " +
      "has until 2026-05-16 12:00:42Z (in 42 s) for its receipt to be proven.",
  ],
  delivered_confirmed: [
    inState(
      { state: "delivered", attempt: 1, changedAt: at("11:30:02") },
      { ...handedOut, detail: "until receipt is proven" },
      event(3, "confirmed", at("11:30:02"), { detail: "the next request on the connection" }),
    ),
    "stable@a1 was handed out to web-01 at 10.0.0.7 over http at 2026-05-16 11:30:00Z (30 m ago), and receipt was proven " +
      "by the next request on the connection.",
  ],
  delivered_unproven: [
    inState({ state: "delivered", attempt: 1 }, event(2, "delivered", at("11:30:00"))),
    "stable@a1 was handed out to web-01 at 10.0.0.7 over http at 2026-05-16 11:30:00Z (30 m ago), but nothing proves " +
      "that it was received.",
  ],
  acknowledged: [
    inState({ state: "acknowledged", attempt: 1 }, handedOut, event(3, "acknowledged", at("11:30:00"))),
    "web-01 has got stable@a1, and acknowledged it at 2026-05-16 11:30:00Z (30 m ago).",
  ],
  rejected: [
    inState({ state: "rejected", attempt: 1, reason: "disk full. " }),
    "web-01 has got stable@a1, but rejected it at 2026-05-16 11:30:00Z (30 m ago): disk full.",
  ],
  cancelled: [
    inState({ state: "cancelled" }, event(2, "cancelled", at("11:30:00"), { actor: "bob", detail: "wrong channel" })),
    "web-01 has not got stable@a1 because bob cancelled it at 2026-05-16 11:30:00Z (30 m ago): wrong channel.",
  ],
  superseded: [
    inState({ state: "superseded" }, event(2, "superseded", at("11:30:00"), { detail: "by stable@b2" })),
    "web-01 has not got stable@a1 because stable@b2 took its place at 2026-05-16 11:30:00Z (30 m ago).",
  ],
  expired: [
    inState({ state: "expired", notAfter: at("11:30:00") }, event(2, "expired", at("11:30:00"))),
    "web-01 has not got stable@a1 because its not_after, 2026-05-16 11:30:00Z (30 m ago), passed while it was waiting.",
  ],
  dead: [
    inState(
      { state: "dead", attempt: 10 },
      event(20, "dead", at("11:30:00"), { attempt: 10, detail: "the lease ran out; no attempt is left" }),
    ),
    "stable@a1 was given up for web-01 at 2026-05-16 11:30:00Z (30 m ago), after the last of 10 attempts: the lease ran out.",
  ],
  unknown_state: [
    inState({ state: "unknown" }),
    "stable@a1 for web-01 is in a state that this version of the program does not know.",
  ],
} as const satisfies Record<Reason, readonly [facts: Facts, sentence: string]>;

describe("why has this host not got it?", () => {
  test.each(reasons.map((reason) => [reason, ...cases[reason]] as const))("%s", (reason, given, sentence) => {
    expect(told(given)).toMatchObject({ reason, sentence });
  });

  test("every state of a dispatch has its sentence, with or without a history", () => {
    const states = new Set(Object.values(cases).map(([given]) => given.dispatch?.state));
    expect(states.size).toBe(11); // Nine, one that is unknown, and none.
    for (const [given] of Object.values(cases)) {
      expect(told({ ...given, events: [], host: null }).sentence).toMatch(/^[^\n]+[^.]\.$/);
    }
  });
});

describe("a dispatch that waits", () => {
  const sentenceOf = (given: Facts) => told(given).sentence;

  test("again says which attempt came back, and why", () => {
    const back = event(3, "lease_expired", at("11:59:00"), { detail: "the lease ran out" });
    expect(sentenceOf(inState({ attempt: 1, changedAt: at("11:59:00") }, handedOut, back))).toMatch(
      /^stable@a1 has been waiting for web-01 since 2026-05-16 11:59:00Z \(1 m ago\), when attempt 1 of 10 came back \(the lease ran out\), and /,
    );
  });

  test("counts from its not_before once that has come", () => {
    expect(sentenceOf(inState({ notBefore: at("11:58:00"), changedAt: at("11:00:00") }))).toContain(
      "since 2026-05-16 11:58:00Z (2 m ago)",
    );
  });

  test("has expired as soon as its not_after has passed, whether the server has got to it or not", () => {
    expect(told(inState({ notAfter: now })).reason).toBe("expired");
    expect(told(inState({ notAfter: at("12:00:00.001") })).reason).toBe("between_polls");
  });

  test("may wait for its not_before no longer than until then", () => {
    expect(told(inState({ notBefore: at("12:00:00.001") })).reason).toBe("not_before");
    expect(told(inState({ notBefore: now })).reason).toBe("between_polls");
  });

  test("of a host that polls is between polls for 75 s", () => {
    expect(told(facts({ host: host({ lastSeenAt: at("11:58:45") }) })).reason).toBe("between_polls");
    expect(told(facts({ host: host({ lastSeenAt: at("11:58:44.999") }) })).reason).toBe("not_polling");
  });

  test("is due at once for a host that is parked, whatever its certificate", () => {
    const parked = host({ parkedPolls: 2, certificateNotAfter: at("11:00:00") });
    expect(sentenceOf(facts({ host: parked }))).toContain("although 2 polls of web-01 are parked here right now, so");
  });
});

describe("a dispatch that was enqueued again", () => {
  const again = { ...enqueued, id: 9, kind: "replaced", at: at("11:40:00") } as const;
  const proof = event(3, "confirmed", at("11:30:02"), { detail: "the next request on the connection" });

  test("is not proven by what proved the one before", () => {
    const delivered = event(10, "delivered", at("11:41:00"));
    const { reason, evidence } = told(inState({ state: "delivered", attempt: 1 }, handedOut, proof, again, delivered));
    expect(reason).toBe("delivered_unproven");
    expect(evidence[0]).toMatch(/ enqueued again by alice /);
    expect(evidence.join("\n")).not.toContain("proven by");
  });
});

describe("the evidence", () => {
  test("is the enqueue and what happened last, the host, and what else waits", () => {
    const others = [
      dispatch({ rolloutId: "edge@d1", state: "leased", changedAt: at("11:58:00") }),
      dispatch({ rolloutId: "edge@d2", enqueuedAt: at("10:00:00") }),
      dispatch({ rolloutId: "edge@d3", enqueuedAt: at("11:30:00") }),
      dispatch({ rolloutId: "edge@d4", enqueuedAt: at("10:00:00"), notBefore: at("13:00:00") }),
    ];
    const attempts = Array.from({ length: 9 }, (_, i) => [
      event(2 * i + 2, "leased", at(`11:1${i}:00`), { attempt: i + 1, parkedMs: 1_234 }),
      event(2 * i + 3, "lease_expired", at(`11:1${i}:30`), { attempt: i + 1, detail: "the lease ran out" }),
    ]).flat();
    const waits = dispatch({ attempt: 9, notAfter: at("12:05:00") });
    expect(told(facts({ dispatch: waits, events: [enqueued, ...attempts], others })).evidence).toEqual([
      "2026-05-16 11:00:00.000Z  enqueued by alice at 10.0.0.2 over connect",
      ...[6, 7, 8, 9].flatMap((attempt) => [
        `2026-05-16 11:1${attempt - 1}:00.000Z  handed out to web-01 at 10.0.0.7 over http, attempt ${attempt} of 10, ` +
          "under a lease; its poll had been parked for 1.2 s",
        `2026-05-16 11:1${attempt - 1}:30.000Z  the lease ran out: it waits again`,
      ]),
      "web-01 last polled at 2026-05-16 11:59:50Z (10 s ago) from 10.0.0.7 over http as nixfleet-agent/1.2",
      "no poll of it parked at this server now",
      "its certificate is valid until 2026-05-16 23:00:00Z (in 11 h)",
      "it expires at 2026-05-16 12:05:00Z (in 5 m)",
      "1 older dispatch waits ahead of it",
      "edge@d1 was handed out to it 2 m ago, and it may be busy with that",
    ]);
  });

  test("leaves the host out where nothing could be learnt of it", () => {
    expect(told(facts({ dispatch: null, events: [], host: null })).evidence).toEqual([]);
  });
});
