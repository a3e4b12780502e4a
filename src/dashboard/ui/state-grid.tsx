import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import type { KnownDispatch } from "../../words/record.js";
import { hrefOf, Link } from "../router.js";
import { StateMark } from "./state.js";

const cellPx = 24;

interface StateGridProps {
  readonly label: string;
  readonly dispatches: readonly KnownDispatch[];
}

/**
 * One square for each dispatch, in the colour and with the shape of its state. Tab stops once; the arrow keys go from square
 * to square, and a line below tells which one it is.
 */
export function StateGrid({ label, dispatches }: StateGridProps) {
  const grid = useRef<HTMLTableElement>(null);
  const { columns, scrollMargin } = usePlacing(grid);
  const [present, setPresent] = useState(0);
  const rows = Math.ceil(dispatches.length / columns);
  const virtualizer = useWindowVirtualizer({ count: rows, estimateSize: () => cellPx, overscan: 10, scrollMargin });
  const stop = Math.min(present, dispatches.length - 1);
  const [told, setTold] = useState<KnownDispatch>();
  const tell = (index: number) => {
    setPresent(index);
    setTold(dispatches[index]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = stop + (steps(columns)[event.key] ?? 0);
    if (next === stop || next < 0 || next >= dispatches.length) return;
    event.preventDefault();
    virtualizer.scrollToIndex(Math.floor(next / columns), { align: "auto" });
    focusCell(grid, next);
  };
  return (
    <div className="grid-around">
      <table ref={grid} className="grid" aria-label={label} aria-rowcount={rows} onKeyDown={onKeyDown}>
        <tbody style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map(({ index: row, start }) => (
            <tr key={row} aria-rowindex={row + 1} style={{ transform: `translateY(${start - scrollMargin}px)` }}>
              {dispatches.slice(row * columns, (row + 1) * columns).map(({ hostname, rolloutId, state }, column) => {
                const index = row * columns + column;
                return (
                  <td key={hostname}>
                    <Link
                      className={`square state-${state}`}
                      href={hrefOf("dispatches", hostname, rolloutId)}
                      aria-label={`${hostname}, ${state}`}
                      title={`${hostname}: ${state}`}
                      tabIndex={index === stop ? 0 : -1}
                      data-cell={index}
                      onFocus={() => tell(index)}
                      onMouseEnter={() => setTold(dispatches[index])}
                    >
                      <StateMark state={state} />
                    </Link>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="grid-told">
        {told === undefined ? `${dispatches.length.toLocaleString("en")} hosts` : `${told.hostname}: ${told.state}`}
      </p>
    </div>
  );
}

function steps(columns: number): Readonly<Record<string, number>> {
  return { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
}

/** How many squares fit beside each other, and how far down the page they begin. */
function usePlacing(grid: { readonly current: HTMLElement | null }) {
  const [placing, setPlacing] = useState({ columns: 1, scrollMargin: 0 });
  useLayoutEffect(() => {
    const element = grid.current;
    if (element === null) return;
    const place = () => {
      const columns = Math.max(Math.floor(element.clientWidth / cellPx), 1);
      const scrollMargin = element.offsetTop;
      setPlacing((old) =>
        old.columns === columns && old.scrollMargin === scrollMargin ? old : { columns, scrollMargin },
      );
    };
    place();
    const observer = new ResizeObserver(place);
    observer.observe(element);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [grid]);
  return placing;
}

/** Once it is drawn, which takes a frame or a few. */
function focusCell(grid: { readonly current: HTMLElement | null }, index: number, frames = 20): void {
  const link = grid.current?.querySelector<HTMLElement>(`[data-cell="${index}"]`);
  if (link) link.focus();
  else if (frames > 0) requestAnimationFrame(() => focusCell(grid, index, frames - 1));
}
