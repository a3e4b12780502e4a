import type { AnswerFollower, Call } from "./call.js";

/** A call whose caller has set a deadline besides: its signal is another, the rest is the call's. */
export class DeadlineCall implements Call {
  readonly requestId: string;
  readonly wire: Call["wire"];
  readonly origin: Call["origin"];
  readonly userAgent: string;
  readonly identity: Call["identity"];
  readonly certificateLeftMs: number;
  readonly certificateNotAfter: Call["certificateNotAfter"];
  readonly #call: Call;

  constructor(
    call: Call,
    /** Aborts for either reason. */
    readonly signal: AbortSignal,
  ) {
    this.#call = call;
    this.requestId = call.requestId;
    this.wire = call.wire;
    this.origin = call.origin;
    this.userAgent = call.userAgent;
    this.identity = call.identity;
    this.certificateLeftMs = call.certificateLeftMs;
    this.certificateNotAfter = call.certificateNotAfter;
  }

  assertAllowed(): void {
    this.#call.assertAllowed();
  }

  get leaving(): AbortSignal {
    return this.signal;
  }

  follow(follower: AnswerFollower): void {
    this.#call.follow(follower);
  }

  note(fields: Readonly<Record<string, string | number>>): void {
    this.#call.note(fields);
  }
}
