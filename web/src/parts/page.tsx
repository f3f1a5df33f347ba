import { type ReactNode, useEffect, useRef } from "react";

import styles from "./page.module.css";

interface PageProps {
  readonly title: ReactNode;
  /** For the browser's tab, where `title` is more than text. */
  readonly tab?: string;
  /** What can be done here: buttons on the right. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page: its heading, which takes the focus when the page opens so that screen readers say where one is, and its content. */
export function Page({ title, tab, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const name = tab ?? (typeof title === "string" ? title : "Roost");
  useEffect(() => {
    document.title = name === "Roost" ? name : `${name} · Roost`;
  }, [name]);
  useEffect(() => {
    // Not where something on the page took the focus itself, nor when one just follows links inside the same page.
    if (document.activeElement === null || document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div className={styles.page}>
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
