/** Hears how it went. */
interface Reader<T> {
  fulfil(value: T): void;
  fail(reason: unknown): void;
}

/** In the place of the reader that has been: a second one would wait for good. */
const gone: Reader<unknown> = { fulfil: () => undefined, fail: () => undefined };

/**
 * What comes later, for one reader. It can be awaited as a promise can, but what comes is handed on at once instead of in a turn of
 * its own, and is not kept.
 *
 * A promise keeps its value for as long as it lives itself. Those of parked polls are old when their dispatch comes, and the
 * collector of garbage looks through what is old seldom, and copies and keeps what hangs on it until then: with promises, all
 * the steps from a dispatch to its answer, 2 KB for each host of a fan-out.
 */
export class Later<T> implements PromiseLike<T> {
  #reader: Reader<T> | undefined = undefined;
  /** What has come before its reader. */
  #early: PromiseSettledResult<T> | undefined = undefined;

  static rejected<T>(reason: unknown): Later<T> {
    const later = new Later<T>();
    later.reject(reason);
    return later;
  }

  /** Its owner calls this or `reject`, once. */
  resolve(value: T): void {
    const reader = this.#reader;
    if (reader === undefined) this.#early = { status: "fulfilled", value };
    else {
      this.#reader = gone;
      reader.fulfil(value);
    }
  }

  reject(reason: unknown): void {
    const reader = this.#reader;
    if (reader === undefined) this.#rejectEarly(reason);
    else {
      this.#reader = gone;
      reader.fail(reason);
    }
  }

  /** Not passed over in silence if nobody comes to read it: then it is an unhandled rejection, as a promise's would be. */
  #rejectEarly(reason: unknown): void {
    const early = { status: "rejected", reason } as const;
    this.#early = early;
    setImmediate(() => {
      if (this.#early === early) void Promise.reject(reason);
    });
  }

  /** As a promise's, once: it throws for a second reader. What the callbacks throw is the next one's. */
  // biome-ignore lint/suspicious/noThenProperty: it is made to be awaited.
  then<Value = T, Failure = never>(
    onFulfilled?: OnFulfilled<T, Value> | null,
    onRejected?: OnRejected<Failure> | null,
  ): PromiseLike<Value | Failure> {
    if (this.#reader !== undefined) throw new Error("it has a reader");
    const next = new Next(onFulfilled, onRejected);
    const early = this.#early;
    this.#early = undefined;
    this.#reader = early === undefined ? next : gone;
    if (early === undefined) return next;
    if (early.status === "fulfilled") next.fulfil(early.value);
    else next.fail(early.reason);
    return next;
  }
}

type OnFulfilled<T, Value> = (value: T) => Value | PromiseLike<Value>;
type OnRejected<Failure> = (reason: unknown) => Failure | PromiseLike<Failure>;

/** The reader of one that is the next one's source. */
class Next<T, Value, Failure> extends Later<Value | Failure> implements Reader<T> {
  readonly #onFulfilled: OnFulfilled<T, Value> | null | undefined;
  readonly #onRejected: OnRejected<Failure> | null | undefined;

  constructor(
    onFulfilled: OnFulfilled<T, Value> | null | undefined,
    onRejected: OnRejected<Failure> | null | undefined,
  ) {
    super();
    this.#onFulfilled = onFulfilled;
    this.#onRejected = onRejected;
  }

  fulfil(value: T): void {
    // Where there is no callback, `Value` is `T`: so says the type of `PromiseLike`, which cannot say it of its parameters.
    if (this.#onFulfilled) this.#goOn(this.#onFulfilled, value);
    else this.resolve(value as T & Value);
  }

  fail(reason: unknown): void {
    if (this.#onRejected) this.#goOn(this.#onRejected, reason);
    else this.reject(reason);
  }

  #goOn<Given>(callback: (given: Given) => Value | Failure | PromiseLike<Value | Failure>, given: Given): void {
    let result: Value | Failure | PromiseLike<Value | Failure>;
    try {
      result = callback(given);
    } catch (error) {
      this.reject(error);
      return;
    }
    if (!isPromiseLike(result)) this.resolve(result);
    else
      result.then(
        (value) => this.resolve(value),
        (reason: unknown) => this.reject(reason),
      );
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
