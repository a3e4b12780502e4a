import { DispatchError } from "../../src/dispatch/errors.js";
import type { MemoryStore, StoreCall } from "../support/memory-store.js";

/** The next such call does not begin before it is let go. @returns what lets it go */
export function hold(store: MemoryStore, call: StoreCall): () => void {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const { before } = store;
  store.before = async (name) => {
    if (name !== call) return before(name);
    store.before = before;
    await held;
  };
  return () => letGo();
}

/** Every such call fails from now on. @returns what ends that */
export function refuse(
  store: MemoryStore,
  call: StoreCall,
  error: Error = new DispatchError("store_unavailable", "disk full"),
): () => void {
  const { before } = store;
  store.before = async (name) => {
    if (name === call) throw error;
    await before(name);
  };
  return () => {
    store.before = before;
  };
}

/** How often such a call has been made from now on. */
export function count(store: MemoryStore, call: StoreCall): { readonly calls: number } {
  const counted = { calls: 0 };
  const { before } = store;
  store.before = async (name) => {
    if (name === call) counted.calls += 1;
    await before(name);
  };
  return counted;
}
