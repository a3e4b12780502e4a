import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useCallback, useLayoutEffect, useRef, useState } from "react";
import { Icon } from "./icon.js";

export interface Column<Row> {
  /** Also the name of its track in the style sheet. */
  readonly name: string;
  readonly title: string;
  /** Where the title is too long to be shown. */
  readonly isTitleUnseen?: boolean;
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => ReactNode;
}

interface DataTableProps<Row> {
  /** What it lists, for screen readers. */
  readonly label: string;
  /** Chooses the tracks of its columns in the style sheet. */
  readonly kind: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly sort?: Sort | undefined;
}

/** Which columns can be sorted by, and what is. */
export interface Sort {
  readonly by: string;
  readonly isDown: boolean;
  readonly columns: ReadonlySet<string>;
  readonly choose: (column: string) => void;
}

const rowHeight = 45;

/**
 * A table of any length: only the lines in sight are in the document. The first cell of each line has the link that opens it;
 * the arrow keys go from one to the next.
 */
export function DataTable<Row>({ label, kind, columns, rows, rowKey, sort }: DataTableProps<Row>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  // What stands above comes and goes, and moves the table.
  useLayoutEffect(() => {
    const top = body.current?.offsetTop ?? 0;
    if (top !== scrollMargin) setScrollMargin(top);
  });
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
  });
  const onKeyDown = useArrowKeys(body, rows.length, (index) => virtualizer.scrollToIndex(index, { align: "auto" }));
  return (
    <table className={`table table-${kind}`} aria-label={label} aria-rowcount={rows.length + 1}>
      <thead className="table-head">
        <tr aria-rowindex={1} className="table-row">
          {columns.map((column) => (
            <HeadCell key={column.name} column={column} sort={sort} />
          ))}
        </tr>
      </thead>
      <tbody ref={body} className="table-body" onKeyDown={onKeyDown} style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <tr
              key={key}
              ref={virtualizer.measureElement}
              aria-rowindex={index + 2}
              data-index={index}
              className="table-row"
              style={{ transform: `translateY(${start - scrollMargin}px)` }}
            >
              {columns.map(({ name, isNumber, cell }) => (
                <td key={name} className={`cell cell-${name}${isNumber ? " number" : ""}`}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function HeadCell<Row>({ column, sort }: { readonly column: Column<Row>; readonly sort: Sort | undefined }) {
  const { name, title, isTitleUnseen, isNumber } = column;
  const className = `cell cell-${name}${isNumber ? " number" : ""}`;
  if (sort === undefined || !sort.columns.has(name)) {
    return (
      <th scope="col" className={className}>
        {isTitleUnseen ? <span className="unseen">{title}</span> : title}
      </th>
    );
  }
  const isChosen = sort.by === name;
  return (
    <th scope="col" className={className} aria-sort={isChosen ? (sort.isDown ? "descending" : "ascending") : "none"}>
      <button type="button" className="sort" onClick={() => sort.choose(name)}>
        {title}
        {isChosen && <Icon name={sort.isDown ? "down" : "up"} size={12} />}
      </button>
    </th>
  );
}

/** Up, Down, Home and End, from the link of one line to that of another; lines out of sight are brought there first. */
function useArrowKeys(
  body: { readonly current: HTMLElement | null },
  count: number,
  scrollTo: (index: number) => void,
) {
  return useCallback(
    (event: KeyboardEvent) => {
      const present = Number(rowOf(event.target)?.dataset.index);
      const next = nextIndex(event.key, present, count);
      if (next === undefined) return;
      event.preventDefault();
      scrollTo(next);
      focusRow(body, next);
    },
    [body, count, scrollTo],
  );
}

function rowOf(target: EventTarget): HTMLElement | null {
  return target instanceof HTMLElement ? target.closest<HTMLElement>("[data-index]") : null;
}

function nextIndex(key: string, present: number, count: number): number | undefined {
  if (!Number.isInteger(present)) return undefined;
  if (key === "ArrowDown") return Math.min(present + 1, count - 1);
  if (key === "ArrowUp") return Math.max(present - 1, 0);
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

/** Once it is drawn, which takes a frame or a few. */
function focusRow(body: { readonly current: HTMLElement | null }, index: number, frames = 20): void {
  const link = body.current?.querySelector<HTMLElement>(`[data-index="${index}"] a`);
  if (link) link.focus();
  else if (frames > 0) requestAnimationFrame(() => focusRow(body, index, frames - 1));
}
