/** Shapes on a grid of 16, drawn in the colour of the text around them. Decorative: the word beside one says the same. */
const shapes = {
  now: "M2 9h3l2-6 3 10 2-4h2",
  rollouts: "M2 4h12M2 8h8M2 12h10",
  hosts: "M3 3h10v4H3zM3 9h10v4H3zM5.5 5h.01M5.5 11h.01",
  live: "M8 8h.01M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3 13a7 7 0 0 1 0-10M13 3a7 7 0 0 1 0 10",
  enqueue: "M8 2.5v8M4.5 7 8 10.500 11.5 7M2.500 13.500h11",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z",
  system: "M2 3h12v8H2zM6 14h4M8 11v3",
  help: "M6 6a2 2 0 1 1 2.800 1.800c-.6.3-.8.7-.8 1.400M8 12h.01M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13z",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.500 10.500 14 14",
  back: "M10 3 5 8l5 5",
  pause: "M5.500 3v10M10.500 3v10",
  play: "M5 3l8 5-8 5z",
  warning: "M8 2.500 14.500 13.500h-13zM8 6.500v3.500M8 12h.01",
  file: "M4 1.500h5l3.500 3.500v9.500H4zM9 1.500V5h3.500",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}
