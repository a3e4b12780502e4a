import { describe, expect, test } from "vitest";
import { resolveServe } from "../../src/config/resolve.js";
import { UsageError } from "../../src/config/usage-error.js";
import { sourcesIn, temporaryFolder, writeIn } from "./places.js";

const secret = "s3cret";
const withPassword = `postgres://dispatch:${secret}@db.lab.internal/queue`;
const without = "postgres://dispatch@db.lab.internal/queue";

/** The error of a configuration that must not be taken. */
function refusal(given: Parameters<typeof sourcesIn>[1]): UsageError {
  try {
    resolveServe(sourcesIn(temporaryFolder(), given));
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown;
    throw thrown;
  }
  throw new Error("it was taken");
}

describe("a PostgreSQL for a database", () => {
  test("is a URL, from a flag without and from a variable with a password, and sweeps more often", () => {
    const home = temporaryFolder();
    const byFlag = resolveServe(sourcesIn(home, { flags: { db: [without] } }));
    expect(byFlag).toMatchObject({ db: { kind: "postgres", url: without }, sweep: 5_000 });
    const byVariable = resolveServe(sourcesIn(home, { env: { NIXFLEET_DISPATCH_DB: withPassword } }));
    expect(byVariable.db).toEqual({ kind: "postgres", url: withPassword });
  });

  test("sweeps as often as it is told to", () => {
    const flags = { db: [without], sweep: ["60s"] };
    expect(resolveServe(sourcesIn(temporaryFolder(), { flags })).sweep).toBe(60_000);
  });

  test.each([
    ["the command line", () => ({ flags: { db: [withPassword] } })],
    [
      "the file of settings",
      () => ({ configFile: writeIn(temporaryFolder(), "c.toml", `[serve]\ndb = "${withPassword}"\n`) }),
    ],
  ])("is refused with a password on %s, which is not repeated", (_, given) => {
    const { message, hint } = refusal(given());
    expect(message).toMatch(/db: must not hold a password/);
    expect(hint).toContain("--db-url-file");
    expect(message + hint).not.toContain(secret);
  });

  test("is not repeated in an error if it is no URL", () => {
    const { message } = refusal({ env: { NIXFLEET_DISPATCH_DB: `postgres://dispatch:${secret}@db:port/queue` } });
    expect(message).toBe("NIXFLEET_DISPATCH_DB: must be a URL such as postgres://user@host:5432/database");
  });

  test("is named once: in a file or as a value", () => {
    const home = temporaryFolder();
    const dbUrlFile = [writeIn(home, "url", withPassword)];
    expect(refusal({ flags: { db: [without], dbUrlFile } }).message).toBe("--db and --db-url-file name two databases");
    expect(resolveServe(sourcesIn(home, { flags: { dbUrlFile } })).sweep).toBe(5_000);
  });
});
