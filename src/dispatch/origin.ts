/** How a request came in. */
export type Wire = "http" | "connect" | "grpc" | "grpc-web";

/** Who caused something, and from where. */
export interface Origin {
  /** An operator's name, a machine id, or `server`. */
  readonly actor: string;
  /** IP address; empty for the server itself. */
  readonly address: string;
  readonly wire: Wire | "";
}

/** What the server does by itself. */
export const byServer: Origin = { actor: "server", address: "", wire: "" };
