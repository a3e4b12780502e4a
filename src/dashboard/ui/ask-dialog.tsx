import { type FormEvent, type ReactNode, useEffect, useRef } from "react";

interface AskDialogProps {
  readonly title: string;
  /** What the button that does it is called: a verb. */
  readonly verb: string;
  readonly isDangerous?: boolean;
  readonly isBusy: boolean;
  /** What was done, or what went wrong; then there is nothing left to be asked. */
  readonly outcome: ReactNode;
  readonly onDo: (reason: string) => void;
  readonly onClose: () => void;
  /** Whether a reason can be given, and what it is for. */
  readonly reasonLabel?: string;
  /** What will be done. */
  readonly children: ReactNode;
}

/** Asks once, names what it will do, and reports what was done. */
export function AskDialog(props: AskDialogProps) {
  const { title, verb, isDangerous = false, isBusy, outcome, onDo, onClose, reasonLabel, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const isOver = outcome !== undefined && outcome !== null;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = new FormData(event.currentTarget).get("reason");
    onDo(typeof reason === "string" ? reason : "");
  };
  return (
    <dialog ref={dialog} aria-labelledby="ask-title" onClose={onClose}>
      <h2 id="ask-title">{title}</h2>
      <div role="status" className="said">
        {outcome}
      </div>
      {isOver ? (
        <div className="dialog-buttons">
          <button type="button" className="primary" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      ) : (
        <form onSubmit={submit}>
          <div className="said">{children}</div>
          {reasonLabel !== undefined && (
            <label className="field">
              <span>{reasonLabel}</span>
              <input name="reason" maxLength={1_024} autoComplete="off" />
            </label>
          )}
          <div className="dialog-buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Leave it
            </button>
            <button type="submit" className={isDangerous ? "danger" : "primary"} disabled={isBusy}>
              {isBusy ? "…" : verb}
            </button>
          </div>
        </form>
      )}
    </dialog>
  );
}
