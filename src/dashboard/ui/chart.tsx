import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { useSetting } from "../settings.js";

export interface Line {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  /** Told apart by more than colour: as bars, a line or a dashed line. */
  readonly look: "bars" | "line" | "dashed";
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** What it shows, in a sentence, for who does not see it. */
  readonly summary: string;
  /** Seconds since 1970, one for each value. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}

const heightPx = 170;
/** So that the bar of the present minute is not cut. */
const marginSeconds = 45;

/** Values over the last hour. The legend below tells those of the minute that is pointed at. */
export function Chart({ title, summary, times, lines, format }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [theme] = useSetting("theme");
  const names = lines.map(({ name }) => name).join("|");
  const latest = useRef({ times, lines, format });
  latest.current = { times, lines, format };
  // Drawn from the beginning only for other lines or other colours; new values go into the plot that is there.
  useEffect(() => {
    const element = holder.current;
    if (element === null || names === "") return;
    const made = new uPlot(optionsFor(element, latest.current, theme), dataOf(latest.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [names, theme]);
  useEffect(() => {
    plot.current?.setData(dataOf({ times, lines }));
  }, [times, lines]);
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}</span>
        <span className="unseen">{summary}</span>
      </figcaption>
      <div ref={holder} aria-hidden="true" />
    </figure>
  );
}

type Shown = Pick<ChartProps, "times" | "lines">;

function dataOf({ times, lines }: Shown): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

function optionsFor(element: HTMLElement, { lines, format }: Shown & Pick<ChartProps, "format">, _theme: string) {
  const colour = (name: string) => colourOf(element, name);
  const axis = {
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(element).fontFamily}`,
  };
  const options: uPlot.Options = {
    width: element.clientWidth,
    height: heightPx,
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: (_plot, first, last) => [first - marginSeconds, last + marginSeconds] },
      y: { range: (_plot, _least, most) => [0, Math.max(most * 1.1, 1)] },
    },
    axes: [
      { ...axis, size: 26, values: (_plot, ticks) => ticks.map((tick) => clock(tick)) },
      { ...axis, size: 62, values: (_plot, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      { label: "Minute", value: (_plot, value) => (value === null ? "–" : clock(value)) },
      ...lines.map((line) => seriesFor(line, colour(line.colour), format)),
    ],
  };
  return options;
}

/** As a canvas takes it: only where it is an element's colour does `light-dark()` become one of the two. */
function colourOf(element: HTMLElement, property: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${property})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function seriesFor({ name, look }: Line, stroke: string, format: (value: number) => string): uPlot.Series {
  const base: uPlot.Series = {
    label: name,
    stroke,
    width: 2,
    value: (_plot, value) => (value === null ? "–" : format(value)),
  };
  if (look === "bars") {
    const paths = uPlot.paths.bars?.({ size: [0.7, 12] });
    return { ...base, fill: stroke, width: 0, points: { show: false }, ...(paths && { paths }) };
  }
  return { ...base, points: { size: 5, fill: stroke }, ...(look === "dashed" ? { dash: [5, 4] } : {}) };
}

function clock(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
