// The dispatches that are enqueued, the same on every run.

export function hostname(i) {
  return `h${String(i).padStart(5, "0")}`;
}

/** One dispatch for host `i`; those of one host differ by `rollout`. */
export function dispatch(i, rollout) {
  return {
    hostname: hostname(i),
    rollout_id: `stable@${rollout.toString(16).padStart(8, "0")}`,
    target_closure: `/nix/store/0c6yrqkb0jvnkbnzmqwkxsv8b2hm1fzd-nixos-system-${hostname(i)}-26.05.20260528.4ae01fd`,
    soak_due_at: "2026-06-01T10:00:00.123456Z",
  };
}

/** `count` dispatches for the hosts from `first` on, one each. */
export function oneEach(count, rollout, first = 0) {
  return Array.from({ length: count }, (_, i) => dispatch(first + i, rollout));
}

export function inBatches(items, size) {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
