import type { ReactNode } from "react";

import styles from "./empty.module.css";

/** An empty place that teaches the next step: what would stand here, and the button or command that brings it. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
