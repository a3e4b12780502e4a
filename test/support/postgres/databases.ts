import pg from "pg";

export const user = "postgres";
/** With what has to be escaped in a URL. */
export const password = "pässword with spaces";

/** The databases of a PostgreSQL that runs on this machine. */
export class Databases {
  #made = 0;

  constructor(readonly port: number) {}

  /** Of a database in it, as the program takes it; another port for who comes through a proxy. */
  url(database: string, port = this.port): string {
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  }

  /** A new, empty one. @returns its name */
  async createDatabase(): Promise<string> {
    this.#made += 1;
    const name = `test_${process.pid}_${Date.now().toString(36)}_${this.#made}`;
    await this.sql("postgres", `CREATE DATABASE ${name} STRATEGY file_copy`);
    return name;
  }

  /** Runs statements as the owner of everything. */
  async sql(database: string, text: string, values?: unknown[]): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return await client.query(text, values);
    } finally {
      await client.end();
    }
  }
}
