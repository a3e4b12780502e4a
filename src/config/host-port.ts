import { isIPv6 } from "node:net";
import { BrokenRule } from "./setting.js";

/** Where to listen. `host` is a name or an address without brackets; port 0 lets the system choose. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8443`, `localhost:0`, `[::1]:8443`. @throws BrokenRule */
export function parseHostPort(text: string): HostPort {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const broken = host === undefined || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed));
  if (broken) throw new BrokenRule("must be HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443");
  return Object.freeze({ host, port });
}

/** The written form, with brackets around an IPv6 address: usable in a URL. */
export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can reach the host: `localhost`, `127.0.0.0/8`, `::1`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
