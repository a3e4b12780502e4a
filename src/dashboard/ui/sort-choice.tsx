import type { Column, Sort } from "./data-table.js";
import { Icon } from "./icon.js";

/** What the head of a table is for, where the screen is too narrow for all of its columns. The style sheet says where that is. */
export function SortChoice<Row>({ columns, sort }: { readonly columns: readonly Column<Row>[]; readonly sort: Sort }) {
  return (
    <div className="sort-choice">
      <label className="choice">
        <span>Sort by</span>
        <select value={sort.by} onChange={(event) => sort.choose(event.target.value)}>
          {columns
            .filter(({ name }) => sort.columns.has(name))
            .map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
        </select>
      </label>
      <button
        type="button"
        className="filter"
        aria-label="The other way round"
        aria-pressed={sort.isDown}
        onClick={() => sort.choose(sort.by)}
      >
        <Icon name={sort.isDown ? "down" : "up"} size={14} />
      </button>
    </div>
  );
}
