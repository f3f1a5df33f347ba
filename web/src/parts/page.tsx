import { type ReactNode, useEffect, useRef } from "react";

import { useRoost } from "../roost.tsx";

import styles from "./page.module.css";

interface PageProps {
  readonly title: ReactNode;
  /** For the browser's tab, where `title` is more than text. */
  readonly tab?: string;
  /** What can be done here: buttons on the right. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page: its heading, which takes the focus when one comes to it from another page so that screen readers say where one is, and its content. */
export function Page({ title, tab, actions, children }: PageProps) {
  const { hasMoved } = useRoost();
  const place = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const name = tab ?? (typeof title === "string" ? title : "Roost");
  useEffect(() => {
    document.title = name === "Roost" ? name : `${name} · Roost`;
  }, [name]);
  useEffect(() => {
    // Whoever has just arrived begins at the top, with the skip link; whoever followed a link begins at what it led to.
    if (hasMoved() && place.current?.contains(document.activeElement) !== true) heading.current?.focus({ preventScroll: true });
  }, [hasMoved]);
  return (
    <div ref={place} className={styles.page}>
      <header className={styles.head}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A named part of a page, on a panel. */
export function Section({
  title,
  about,
  actions,
  children,
}: {
  readonly title: string;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <section className={styles.section} aria-label={title}>
      <div className={styles.sectionHead}>
        <div>
          <h2>{title}</h2>
          {about !== undefined && <p className={styles.about}>{about}</p>}
        </div>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </div>
      {children}
    </section>
  );
}
