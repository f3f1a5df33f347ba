import { Dialog } from "../../parts/dialog.tsx";

import styles from "./console.module.css";

const keys = [
  ["j or ↓", "Next alarm"],
  ["k or ↑", "Previous alarm"],
  ["Enter", "Open it"],
  ["a", "Acknowledge it, or all that are selected"],
  ["c", "Comment on it"],
  ["x", "Select it"],
  ["Escape", "Select none"],
  ["?", "Show these keys"],
] as const;

export function ConsoleHelp({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keys of this page" onClose={onClose}>
      <dl className={styles.keys}>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
