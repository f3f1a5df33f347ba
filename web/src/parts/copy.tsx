import { Button } from "@mantine/core";
import { useEffect, useState } from "react";

import { CheckIcon, CopyIcon } from "./icons.tsx";

import styles from "./copy.module.css";

/**
 * Puts a text on the clipboard. Browsers give the clipboard to secure pages only, and Roost at home is often plain http:
 * there the old command stands in.
 *
 * @returns Whether it worked.
 */
async function copyText(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Permission refused; the old command may still work.
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "unseen";
  // Inside an open dialog the rest of the page cannot be selected.
  const home = document.querySelector("dialog[open]") ?? document.body;
  home.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  return worked;
}

export function CopyButton({ text, label = "Copy" }: { readonly text: string; readonly label?: string }) {
  const [outcome, setOutcome] = useState<"copied" | "failed">();
  useEffect(() => {
    if (outcome === undefined) return undefined;
    const timer = setTimeout(() => setOutcome(undefined), 2_500);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => setOutcome((await copyText(text)) ? "copied" : "failed");
  const words = outcome === "copied" ? "Copied" : outcome === "failed" ? "Select and copy by hand" : label;
  return (
    <Button
      variant="default"
      size="sm"
      h={44}
      leftSection={outcome === "copied" ? <CheckIcon size={16} /> : <CopyIcon size={16} />}
      onClick={() => void copy()}
      aria-live="polite"
    >
      {words}
    </Button>
  );
}

/** A command or secret to take away: selectable, with a button that copies all of it. */
export function CopyBox({ text, label, what }: { readonly text: string; readonly label?: string; readonly what: string }) {
  return (
    <div className={styles.box}>
      <div className={styles.head}>
        <span className={styles.what}>{what}</span>
        <CopyButton text={text} {...(label === undefined ? {} : { label })} />
      </div>
      {/* Reachable by keyboard, since long lines scroll. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={styles.text} tabIndex={0} aria-label={what}>
        {text}
      </pre>
    </div>
  );
}
