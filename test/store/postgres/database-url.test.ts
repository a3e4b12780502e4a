import { describe, expect, test } from "vitest";
import { DatabaseUrlError, parseDatabaseUrl, shownUrl } from "../../../src/store/postgres/database-url.js";

describe("the URL of a database", () => {
  test("says all that it can say", () => {
    expect(parseDatabaseUrl("postgresql://us%40er:p%3A%2Fw@db.lab.internal:6432/que%20ue?sslmode=disable")).toEqual({
      host: "db.lab.internal",
      port: 6432,
      user: "us@er",
      password: "p:/w",
      database: "que ue",
      ssl: false,
    });
  });

  test("leaves to the environment what it does not say", () => {
    expect(parseDatabaseUrl("postgres://localhost")).toEqual({ host: "localhost", ssl: false });
  });

  test.each([
    ["this machine", "postgres://127.0.0.1/d", false],
    ["this machine, by IPv6", "postgres://[::1]/d", false],
    ["a socket", "postgres:///d?host=/run/postgresql", false],
    ["another machine", "postgres://db/d", { rejectUnauthorized: true }],
    ["verify-full", "postgres://db/d?sslmode=verify-full", { rejectUnauthorized: true }],
    [
      "verify-ca",
      "postgres://db/d?sslmode=verify-ca",
      { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) },
    ],
    [
      "require",
      "postgres://db/d?sslmode=require",
      { rejectUnauthorized: false, checkServerIdentity: expect.any(Function) },
    ],
  ])("asks for TLS as its mode says, and by default for all of it: %s", (_, url, ssl) => {
    expect(parseDatabaseUrl(url).ssl).toEqual(ssl);
  });

  test.each([
    "mysql://u:secret@h/d",
    "postgres://u:secret@h/d?sslmode=prefer",
    "postgres://u:secret@h/d?sslmod=disable",
    "secret",
  ])("is refused without being repeated: %s", (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow(DatabaseUrlError);
    expect(() => parseDatabaseUrl(url)).not.toThrow(/secret/);
  });

  test("is shown without its password", () => {
    expect(shownUrl("postgres://user:secret@db:5432/queue?sslmode=require")).toBe("postgres://user@db:5432/queue");
  });
});
