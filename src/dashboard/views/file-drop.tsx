import { type DragEvent, useState } from "react";
import { Icon } from "../ui/icon.js";

const example = `{"hostname": "web-01", "rollout_id": "stable@a1b2c3d4",
 "target_closure": "/nix/store/…", "soak": "5m"}`;

/** Takes a file of JSON lines, dropped or chosen. */
export function FileDrop({ onText }: { readonly onText: (text: string, name: string) => void }) {
  const [isOver, setOver] = useState(false);
  const read = async (file: File | null | undefined) => {
    if (file) onText(await file.text(), file.name);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void read(event.dataTransfer.files[0]);
  };
  return (
    <>
      <label
        className={`drop${isOver ? " drop-over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        <Icon name="file" size={28} />
        <span>Drop a file of JSON lines here, or choose one</span>
        <input
          type="file"
          className="unseen"
          accept=".jsonl,.ndjson,.json,application/jsonl"
          onChange={(event) => {
            void read(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
      </label>
      <p className="soft">
        One object on each line, as for <code>nixfleet-dispatch enqueue --file</code>, with the fields hostname,
        rollout_id, target_closure and soak_due_at or soak; and perhaps not_before, not_after and max_attempts:
      </p>
      <pre>{example}</pre>
    </>
  );
}
