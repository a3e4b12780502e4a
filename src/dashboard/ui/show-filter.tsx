import { setQuery, usePlace } from "../router.js";

/** What a list can be cut down to, by the words of its `show` parameter; `""` is all of it. */
export type Shows<Row> = Readonly<
  Record<string, { readonly name: string; readonly has: (row: Row) => boolean }> & {
    readonly "": { readonly name: string; readonly has: (row: Row) => boolean };
  }
>;

/** What the address asks to be shown; all, if it asks for nothing that there is. */
export function useShow<Row>(shows: Shows<Row>): { readonly word: string; readonly has: (row: Row) => boolean } {
  const word = usePlace().query.get("show") ?? "";
  const show = shows[word];
  return show === undefined ? { word: "", has: shows[""].has } : { word, has: show.has };
}

interface ShowFilterProps<Row> {
  /** For who does not see the buttons. */
  readonly label: string;
  readonly shows: Shows<Row>;
  readonly chosen: string;
  readonly rows: readonly Row[];
}

/** Each a switch, with how many there are of it. */
export function ShowFilter<Row>({ label, shows, chosen, rows }: ShowFilterProps<Row>) {
  return (
    <fieldset className="filters">
      <legend className="unseen">{label}</legend>
      {Object.entries(shows).map(([word, { name, has }]) => (
        <button
          key={word}
          type="button"
          className="filter"
          aria-pressed={word === chosen}
          onClick={() => setQuery("show", word)}
        >
          {name}
          <span className="count">{rows.filter(has).length.toLocaleString("en")}</span>
        </button>
      ))}
    </fieldset>
  );
}
