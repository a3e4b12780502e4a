import { describe, expect, test } from "vitest";
import { DispatchError } from "../../../src/dispatch/errors.js";
import { dispatchPages, eventPages, hostPages, maxPageSize, subjectPages } from "../../../src/http/services/pages.js";
import { host, rollout } from "../../support/dispatches.js";

const key = { hostname: host("web-01"), rolloutId: rollout("stable@a1") };
const filter = { hostnamePrefix: "web", states: ["pending"] };

/** The token of the page after `key`, under `filter`. */
const token = dispatchPages.next({ size: 1, after: undefined }, [key], filter);

/** The error that a call throws. */
function refusal(call: () => unknown): DispatchError {
  try {
    call();
  } catch (error) {
    if (error instanceof DispatchError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("the size of a page", () => {
  test.each([
    [0, 100],
    [1, 1],
    [maxPageSize, maxPageSize],
  ])("asked for as %d is %d", (pageSize, size) => {
    expect(dispatchPages.parse({ pageSize, pageToken: "" }, filter)).toEqual({ size, after: undefined });
  });

  test.each([1_001, 4_294_967_295])("of %d is refused by field and rule", (pageSize) => {
    const error = refusal(() => dispatchPages.parse({ pageSize, pageToken: "" }, filter));
    expect([error.reason, error.message]).toEqual(["invalid_argument", `page_size: must be 1 to 1000, is ${pageSize}`]);
  });
});

describe("the token of the next page", () => {
  test("leads on behind the last item of its page, whatever the size of the next", () => {
    const two = [{ hostname: host("a"), rolloutId: rollout("stable@a1") }, key];
    const next = dispatchPages.next({ size: 2, after: undefined }, two, filter);
    expect(dispatchPages.parse({ pageSize: 7, pageToken: next }, filter)).toEqual({ size: 7, after: key });
  });

  test("is empty where a page is not full, since nothing follows", () => {
    expect(dispatchPages.next({ size: 2, after: undefined }, [key], filter)).toBe("");
    expect(dispatchPages.next({ size: 2, after: undefined }, [], filter)).toBe("");
  });

  test("can stand in a query as it is", () => {
    expect(token).toMatch(/^[\w-]+$/);
  });

  test("holds for filters that are equal, in the value and not the object", () => {
    const same = { hostnamePrefix: "web", hostname: undefined, states: ["pending"] };
    expect(dispatchPages.parse({ pageSize: 1, pageToken: token }, same).after).toEqual(key);
  });

  test.each<[string, object]>([
    ["another value", { ...filter, hostnamePrefix: "db" }],
    ["one state more", { ...filter, states: ["pending", "leased"] }],
    ["one field more", { ...filter, channel: "stable" }],
    ["one field less", { states: ["pending"] }],
    ["nothing at all", {}],
  ])("is refused where the filter has %s", (_, other) => {
    const error = refusal(() => dispatchPages.parse({ pageSize: 1, pageToken: token }, other));
    expect(error.reason).toBe("invalid_argument");
    expect(error.message).toBe("page_token: must be the next_page_token of a page with the same filters");
  });
});

const lists = {
  dispatches: dispatchPages,
  hosts: hostPages,
  subjects: subjectPages,
  events: eventPages,
} as const;
const page = { size: 1, after: undefined };
const tokens = {
  dispatches: dispatchPages.next(page, [{ ...key, hostname: host("1") }], {}),
  hosts: hostPages.next(page, [{ hostname: host("1") }], {}),
  subjects: subjectPages.next(page, [{ subject: "1" }], {}),
  events: eventPages.next(page, [{ id: 1 }], {}),
} as const;
const names = ["dispatches", "hosts", "subjects", "events"] as const;

describe.each(names)("a page of %s", (name) => {
  const parse = (pageToken: string) => lists[name].parse({ pageSize: 1, pageToken }, {});

  test("is found by its own token", () => {
    expect(parse(tokens[name]).after).toBeDefined();
  });

  test.each(names.filter((other) => other !== name))("is refused to a token of %s, be the filter the same", (other) => {
    expect(refusal(() => parse(tokens[other])).message).toMatch(/^page_token: must be/);
  });

  test.each([
    "x",
    "no token",
    "%00",
    "AAAAAAAAAAAA",
    "====",
    "é",
    "a".repeat(10_000),
    tokens[name].slice(1),
    tokens[name].slice(0, 8),
  ])("is refused to the garbage %j by the field's name", (pageToken) => {
    const error = refusal(() => parse(pageToken));
    expect([error.reason, error.message.split(":")[0]]).toEqual(["invalid_argument", "page_token"]);
  });
});

describe("a token that was written by hand, with the right filter", () => {
  const forged = (real: string, rest: string) => {
    const [digest = ""] = Buffer.from(real, "base64url").toString().split(" ");
    return Buffer.from(`${digest}${rest}`).toString("base64url");
  };

  test.each(["", " ", " -1", " 1.5", " 1e3", " 9999999999999999", " web-01"])(
    "is refused for events behind %j",
    (rest) => {
      const pageToken = forged(tokens.events, rest);
      expect(refusal(() => eventPages.parse({ pageSize: 1, pageToken }, {})).message).toMatch(/^page_token: must be/);
    },
  );

  test.each(["", " web-01", " web-01 stable", " WEB stable@a1", " ../x stable@a1"])(
    "is refused for dispatches behind %j",
    (rest) => {
      const pageToken = forged(tokens.dispatches, rest);
      expect(refusal(() => dispatchPages.parse({ pageSize: 1, pageToken }, {})).message).toMatch(/^page_token: /);
    },
  );
});
