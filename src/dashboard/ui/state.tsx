import type { PresenceWord, StateWord } from "../fleet/summaries.js";

/** One shape for each state, on a grid of 12: who cannot tell the colours tells these. */
const shapes: Readonly<Record<StateWord, string>> = {
  pending: "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  leased: "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM6 3.500V6l1.800 1.200",
  delivered: "M6 1.500v6M3.200 5 6 7.800 8.800 5M2 10.500h8",
  acknowledged: "M2 6.500 4.800 9.200 10 3.200",
  rejected: "M3 3l6 6M9 3 3 9",
  cancelled: "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM3.200 8.800l5.600-5.600",
  superseded: "M2.500 3 5.500 6l-3 3M6.500 3l3 3-3 3",
  expired: "M3 1.500h6L6 6zM3 10.500h6L6 6z",
  dead: "M4 1.500h4L10.500 4v4L8 10.500H4L1.500 8V4zM6 4v2.500M6 8.300v.01",
  unknown: "M4.200 4.200a1.800 1.800 0 1 1 2.600 1.600c-.6.3-.8.6-.8 1.200M6 9v.01",
};

export function StateMark({ state }: { readonly state: StateWord }) {
  return (
    <svg className={`mark state-${state}`} viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      <path d={shapes[state]} />
    </svg>
  );
}

/** A state by shape, colour and word. */
export function StateBadge({ state }: { readonly state: StateWord }) {
  return (
    <span className={`badge state-${state}`}>
      <StateMark state={state} />
      {state}
    </span>
  );
}

const presenceTexts: Readonly<Record<PresenceWord, string>> = {
  parked: "parked",
  seen: "seen",
  away: "not seen",
  never: "never seen",
  revoked: "revoked",
};

const presenceShapes: Readonly<Record<PresenceWord, string>> = {
  parked: "M6 2.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM6 5.900v.2",
  seen: shapes.pending,
  away: "M2.500 6h7",
  never: shapes.unknown,
  revoked: "M3.500 5.500h5v4.500h-5zM4.500 5.500V4a1.500 1.500 0 0 1 3 0v1.500",
};

/** Where a host is, by shape, colour and word. */
export function PresenceBadge({ presence }: { readonly presence: PresenceWord }) {
  return (
    <span className={`badge presence-${presence}`}>
      <svg className="mark" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
        <path d={presenceShapes[presence]} />
      </svg>
      {presenceTexts[presence]}
    </span>
  );
}
