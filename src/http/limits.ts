/** The limits of the API's port, with where each number comes from. */
export const limits = {
  /** From the first byte of a request to the end of its headers. Parked answers are not cut by this or the next. */
  headersTimeoutMs: 10_000,
  /** From the first byte of a request to the last of its body. 10,000 dispatches are about 3 MB. */
  requestTimeoutMs: 30_000,
  /** How often the two above are looked at. */
  connectionsCheckingIntervalMs: 5_000,
  /**
   * Idle HTTP/1.1 connections. Agents keep theirs for 90 s; a shorter time here would close one just as it is used again,
   * and they answer that with 5 s of silence (Node's own default of 5 s is the worst there is).
   */
  keepAliveTimeoutMs: 95_000,
  /** The whole TLS handshake. */
  handshakeTimeoutMs: 10_000,
  /** The kernel asks a silent peer after this long whether it is still there. */
  tcpKeepAliveMs: 30_000,
  /** HTTP/2: a PING this often, and as long for its answer, finds peers that vanished without a word. */
  http2PingMs: 20_000,
  /** HTTP/2: calls at a time on one connection; Node's default has no bound. */
  http2MaxConcurrentStreams: 100,
  /** Both protocols, in bytes. Node's default for HTTP/1.1, which HTTP/2 lacks. */
  maxHeaderBytes: 16_384,
  /** HTTP/2, in megabytes for one connection. */
  http2MaxSessionMemoryMb: 10,
  /**
   * HTTP/2: streams that a peer may open and reset: this many at once, then this many a second. Node 20 does not know these
   * two yet, and ends a connection at nghttp2's own 1,000 and 33.
   */
  http2StreamResetBurst: 200,
  http2StreamResetRate: 20,
  /**
   * HTTP/1.1: how much of its answers may wait for a client before its next request waits, too. More than any answer has:
   * Node (20 to 24) cuts a TLS connection on which a request of several pieces arrives while that is exceeded
   * ("Parse Error: Paused Error"), as those of a planner do which sends one large batch after the other.
   */
  http1WriteAheadBytes: 4 * 1024 * 1024,
  /**
   * HTTP/1.1: a body in several pieces that we read by ourselves, and how long it may take; beyond that it is Node's, with the limits
   * above. 1,000 dispatches are 0.3 to 1 MB, and what takes longer than this is slow anyway.
   */
  directBodyBytes: 1024 * 1024,
  directBodyMs: 1_000,
  /** One request body: 10,000 dispatches of the longest kind are about 10 MB as JSON. */
  maxBodyBytes: 16 * 1024 * 1024,
} as const;
