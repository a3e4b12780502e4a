/**
 * The user's own mistake: a flag, a variable, a file of settings, an argument. The command line prints the message and
 * the hint and exits with 2; nobody ever sees its stack.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** What to do or type instead, as one sentence or one command; printed under the message. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}
