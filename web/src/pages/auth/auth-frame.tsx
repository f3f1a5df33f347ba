import type { ReactNode } from "react";

import { Page } from "../../parts/page.tsx";
import { RoostSign } from "../../parts/shell.tsx";

import styles from "./auth-frame.module.css";

/** The frame of the pages before sign-in. */
export function AuthFrame({ title, about, children }: { readonly title: string; readonly about: ReactNode; readonly children: ReactNode }) {
  return (
    <main className={styles.frame}>
      <div className={styles.card}>
        <div className={styles.brand}>
          <RoostSign />
          <span>Roost</span>
        </div>
        <Page title={title}>
          <p className={styles.about}>{about}</p>
          {children}
        </Page>
      </div>
    </main>
  );
}
