import type Database from "better-sqlite3";
import { Param, Placeholder } from "drizzle-orm";

/** What drizzle has worded and not run. */
export interface Worded {
  getQuery(): { readonly sql: string; readonly params: readonly unknown[] };
}

/**
 * A statement in drizzle's words that runs without drizzle, whose filling of placeholders and mapping of rows cost more than
 * SQLite's own work: an enqueue of 1,000 rows needed 22 µs of CPU for each, and 12 µs this way.
 *
 * Every parameter is a number, a string or null, which need no translation.
 */
export class Compiled<Columns = unknown> {
  protected readonly statement: Database.Statement<unknown[], Columns>;
  /** Of the placeholders, in their order. */
  protected readonly names: readonly string[];

  constructor(client: Database.Database, worded: Worded) {
    const { sql, params } = worded.getQuery();
    this.statement = client.prepare<unknown[], Columns>(withoutUndoing(withOpaqueLimit(sql)));
    this.names = params.map(placeholderName);
  }
}

/** How to get each value of an item, by the names of placeholders. */
export type Values<Item> = Readonly<Record<string, (item: Item) => number | string | null>>;

type Getter<Item> = Values<Item>[string];

/**
 * One that writes so and so many items. Its placeholders are `name` of the only one, or `name0`, `name1`, … of several; `name`s
 * before these are values that all of them share.
 */
export class CompiledWrite<Item> extends Compiled {
  /** How many items it writes, exactly. */
  readonly count: number;
  /** What is the same of all items, in the order of the placeholders. */
  readonly #shared: readonly Getter<Item>[];
  /** For one item, in the order of the placeholders. */
  readonly #own: readonly Getter<Item>[];
  /** Used anew each time: SQLite has copied what is bound before the next call. */
  readonly #bound: (number | string | null)[];

  constructor(client: Database.Database, worded: Worded, values: Values<Item>) {
    super(client, worded);
    const numbered = this.names.filter(isNumbered);
    const own = numbered.length === 0 ? this.names : numbered.map((name) => name.replace(/\d+$/, ""));
    const shared = this.names.slice(0, this.names.length - own.length);
    const width = new Set(own).size;
    if (shared.some(isNumbered) || own.some((name, i) => name !== own[i % width])) {
      throw new Error("items whose values do not take turns");
    }
    this.count = own.length / width;
    this.#shared = shared.map((name) => getterOf(values, name));
    this.#own = own.slice(0, width).map((name) => getterOf(values, name));
    this.#bound = this.names.map(() => null);
  }

  /** Whether there are as many items from `first` on, and they are alike where they have to be. */
  fits(items: readonly Item[], first = 0): boolean {
    const model = items[first];
    if (model === undefined || items.length - first < this.count) return false;
    return this.#shared.every((getter) => {
      const value = getter(model);
      for (let i = 1; i < this.count; i++) if (getter(items[first + i] ?? model) !== value) return false;
      return true;
    });
  }

  /**
   * @param items which fit; of them `count` are written, from `first` on
   * @returns how many rows it has changed. One that adds rows leaves out those that it cannot add
   */
  run(items: readonly Item[], first = 0): number {
    const bound = this.#bound;
    let at = 0;
    for (let i = first; i < first + this.count; i++) {
      const item = items[i];
      // What was bound before would be written once more.
      if (item === undefined) throw new Error(`${items.length - first} items instead of ${this.count}`);
      if (i === first) for (const getter of this.#shared) bound[at++] = getter(item);
      for (const getter of this.#own) bound[at++] = getter(item);
    }
    return this.statement.run(bound).changes;
  }
}

function isNumbered(name: string): boolean {
  return /\d$/.test(name);
}

function getterOf<Item>(values: Values<Item>, name: string): Getter<Item> {
  const getter = values[name];
  if (getter === undefined) throw new Error(`nothing is known of the placeholder ${name}`);
  return getter;
}

/** One that finds rows. */
export class CompiledSelect<Columns extends unknown[], Row> extends Compiled<Columns> {
  readonly #toRow: (columns: Columns) => Row;
  /** Used anew each time: SQLite has copied what is bound before the next call. */
  readonly #bound: unknown[] = [];

  /** @param toRow from the columns in the order of the statement */
  constructor(client: Database.Database, worded: Worded, toRow: (columns: Columns) => Row) {
    super(client, worded);
    this.#toRow = toRow;
    this.statement.raw(true);
  }

  all(values: object): Row[] {
    return this.statement.all(this.#bind(values)).map(this.#toRow);
  }

  get(values: object): Row | undefined {
    const found = this.statement.get(this.#bind(values));
    return found === undefined ? undefined : this.#toRow(found);
  }

  #bind(values: object): unknown[] {
    for (let i = 0; i < this.names.length; i++) this.#bound[i] = Reflect.get(values, this.names[i] ?? "");
    return this.#bound;
  }
}

/**
 * SQLite plans by the value of a bare `LIMIT ?`, and so compiles the statement anew whenever something is bound: 18 µs for
 * a look-up of 0.6 µs.
 */
function withOpaqueLimit(sql: string): string {
  return sql.replace(/ limit \?$/, " limit abs(?)");
}

/**
 * Of each page that a statement changes SQLite keeps a copy if the statement could fail half-way, as one that adds several rows could
 * at a value that is missing. One that leaves out what it cannot add never has to be undone: an enqueue of 1,000 costs 0.94 of the
 * time. Whoever runs it counts what was added.
 */
function withoutUndoing(sql: string): string {
  if (!sql.startsWith("insert into") || sql.includes(" do update ")) return sql;
  return sql.replace("insert into", "insert or ignore into").replace(/ on conflict do nothing$/, "");
}

function placeholderName(param: unknown): string {
  const inner: unknown = param instanceof Param ? param.value : param;
  if (inner instanceof Placeholder) return inner.name;
  throw new Error("a compiled statement has placeholders only");
}
