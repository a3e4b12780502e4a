/** One HTTP request, as much of it as the binding needs to see. */
export interface BindingRequest {
  /** As received: `GET`, `POST`, …; upper and lower case differ. */
  readonly method: string;
  /** Percent-encoded as received, without the query. */
  readonly path: string;
  /** What follows the `?`, without it; `""` if there is none. */
  readonly query: string;
  /** The `Content-Type` field as received. */
  readonly contentType: string | undefined;
  /**
   * The whole body. Called at most once, and only for a call that takes a body.
   * Rejects with `body_too_large` if there are more than `maxBytes`.
   */
  readBody(maxBytes: number): Promise<Uint8Array>;
}

/** The answer to a call that succeeded: JSON text, or nothing at all. */
export type BindingAnswer = { readonly status: 200; readonly body: string } | { readonly status: 204 };
