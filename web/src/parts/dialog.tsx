import { ActionIcon } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";

import { CloseIcon } from "./icons.tsx";

import styles from "./dialog.module.css";

/** A dialog of the browser itself: it keeps the focus inside, closes with Escape, and gives the focus back. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    if (shown?.open === false) {
      shown.showModal();
      // The browser would choose the close button, since it comes first.
      shown.querySelector<HTMLElement>("[data-body] :is(input, textarea, button):not(:disabled)")?.focus();
    }
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} className={styles.dialog} aria-label={title} onClose={onClose}>
      <header className={styles.head}>
        <h2>{title}</h2>
        <ActionIcon aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </ActionIcon>
      </header>
      <div className={styles.body} data-body="">
        {children}
      </div>
    </dialog>
  );
}

/** Buttons at the end of a form. */
export function FormEnd({ children }: { readonly children: ReactNode }) {
  return <div className={styles.end}>{children}</div>;
}
