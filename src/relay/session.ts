import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** The one browser that is let in, from the token in the link to the cookie that stands for it. */
export class Session {
  readonly #cookieName: string;
  readonly #token = secret();
  readonly #cookie = secret();
  #isOpen = false;

  /** @param port cookies are kept by host alone: the name tells two relays on one machine apart */
  constructor(port: number) {
    this.#cookieName = `nixfleet-dashboard-${port}`;
  }

  /** Opens the session once. */
  get token(): string {
    return this.#token;
  }

  /**
   * Exchanges the token for the cookie. Only the first time: whoever comes later with the same token, from another browser's
   * history or a copied link, is not let in.
   *
   * @returns the value of a `Set-Cookie` header, or undefined if the token is wrong or was used already
   */
  open(token: string): string | undefined {
    if (this.#isOpen || !isSame(token, this.#token)) return undefined;
    this.#isOpen = true;
    return `${this.#cookieName}=${this.#cookie}; Path=/; HttpOnly; SameSite=Strict`;
  }

  /** Whether a `Cookie` header brings the session's cookie. */
  holds(cookies: string | undefined): boolean {
    if (!this.#isOpen || cookies === undefined) return false;
    const values = cookies.split(";").map((pair) => pair.trim().split("=", 2));
    return values.some(([name, value = ""]) => name === this.#cookieName && isSame(value, this.#cookie));
  }
}

/** 256 random bits. */
function secret(): string {
  return randomBytes(32).toString("base64url");
}

/** In a time that tells nothing about where they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
