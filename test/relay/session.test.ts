import { describe, expect, test } from "vitest";
import { Session } from "../../src/relay/session.js";

const cookieOf = (setCookie = "") => setCookie.split(";")[0] ?? "";

describe("a session", () => {
  test("is opened by its token once, and held by the cookie that this gives", () => {
    const session = new Session(4000);
    const setCookie = session.open(session.token);
    expect(setCookie).toMatch(/^nixfleet-dashboard-4000=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(session.holds(cookieOf(setCookie))).toBe(true);
    expect(session.holds(`other=1; ${cookieOf(setCookie)}`)).toBe(true);
    expect(session.open(session.token)).toBeUndefined();
  });

  test("is opened by nothing else, and a wrong token does not use up the right one", () => {
    const session = new Session(4000);
    expect(session.open("")).toBeUndefined();
    expect(session.open("wrong")).toBeUndefined();
    expect(session.open(session.token.slice(1))).toBeUndefined();
    expect(session.open(session.token)).toBeDefined();
  });

  test("is held by no other cookie: not before it is opened, not another one's, not the token", () => {
    const [one, other] = [new Session(4000), new Session(4000)];
    expect(one.holds(undefined)).toBe(false);
    expect(one.holds("nixfleet-dashboard-4000=")).toBe(false);
    const stranger = cookieOf(other.open(other.token));
    one.open(one.token);
    expect(one.holds(stranger)).toBe(false);
    expect(one.holds(`nixfleet-dashboard-4000=${one.token}`)).toBe(false);
  });
});
