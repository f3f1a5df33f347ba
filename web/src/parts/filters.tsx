import { CloseButton, TextInput } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";

import { SearchIcon } from "./icons.tsx";

import styles from "./filters.module.css";

/** The line of filters above a list. */
export function Filters({ children }: { readonly children: ReactNode }) {
  return <search className={styles.filters}>{children}</search>;
}

interface Choice<Value> {
  readonly value: Value;
  readonly label: ReactNode;
  readonly count?: number | undefined;
}

interface ChipsProps<Value> {
  readonly label: string;
  readonly choices: readonly Choice<Value>[];
  readonly value: Value;
  readonly onChange: (value: Value) => void;
}

/** One of a few: a group of buttons, the chosen one pressed. Counts keep their place whatever they are. */
export function Chips<Value extends string | undefined>({ label, choices, value, onChange }: ChipsProps<Value>) {
  return (
    <fieldset className={styles.chips} aria-label={label}>
      {choices.map((choice) => (
        <button
          key={choice.value ?? ""}
          type="button"
          className={styles.chip}
          aria-pressed={choice.value === value}
          onClick={() => onChange(choice.value)}
        >
          {choice.label}
          {choice.count !== undefined && <span className={styles.count}>{choice.count}</span>}
        </button>
      ))}
    </fieldset>
  );
}

const typingPauseMs = 250;

/** A search field whose text becomes the filter when typing pauses. */
export function SearchField({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  const [told, setTold] = useState(value);
  // The address may change the filter from outside: a link, the back button.
  if (value !== told) {
    setTold(value);
    setText(value);
  }
  useEffect(() => {
    if (text === told) return undefined;
    const timer = setTimeout(() => {
      setTold(text);
      onChange(text);
    }, typingPauseMs);
    return () => clearTimeout(timer);
  }, [text, told, onChange]);
  return (
    <TextInput
      className={styles.search}
      type="search"
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      leftSection={<SearchIcon size={16} />}
      rightSection={text === "" ? undefined : <CloseButton aria-label="Clear the search" onClick={() => setText("")} />}
      spellCheck={false}
      autoComplete="off"
    />
  );
}
