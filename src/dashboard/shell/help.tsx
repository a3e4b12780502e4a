import type { RefObject } from "react";
import { stateOrder } from "../fleet/summaries.js";
import { useSetting } from "../settings.js";
import { StateBadge } from "../ui/state.js";
import { shortcuts } from "./shortcuts.js";

const meanings = {
  pending: "waits for a poll of its host",
  leased: "handed out, and not acknowledged yet",
  delivered: "handed out for good",
  acknowledged: "the agent says it is done",
  rejected: "the agent says it cannot be done",
  dead: "handed out as often as allowed, and never acknowledged",
  expired: "its time passed while it waited",
  superseded: "a newer one took its place",
  cancelled: "an operator took it back",
} as const;

export function HelpDialog({ dialog }: { readonly dialog: RefObject<HTMLDialogElement | null> }) {
  const [isOn, setOn] = useSetting("shortcuts");
  return (
    <dialog ref={dialog} aria-labelledby="help-title" className="help">
      <h2 id="help-title">Help</h2>
      <h3>Keys</h3>
      <dl className="keys">
        {shortcuts.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input
          type="checkbox"
          checked={isOn === "on"}
          onChange={(event) => setOn(event.target.checked ? "on" : "off")}
        />
        Keys without Ctrl or Alt do these things
      </label>
      <h3>States of a dispatch</h3>
      <dl className="keys">
        {stateOrder.map((state) => (
          <div key={state}>
            <dt>
              <StateBadge state={state} />
            </dt>
            <dd>{meanings[state]}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog" className="dialog-buttons">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
