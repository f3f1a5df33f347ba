import { Button, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "./dialog.tsx";
import { Fault } from "./fault.tsx";

interface ConfirmProps {
  readonly title: string;
  /** What will happen, in plain words. */
  readonly children: ReactNode;
  /** The word on the button: what it does. */
  readonly verb: string;
  /** What must be typed, for what cannot be undone. Absent: the button alone is enough. */
  readonly name?: string;
  /** For what hurts nobody and can be undone: the button is not red. */
  readonly calm?: boolean;
  readonly error?: unknown;
  readonly busy: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before something that hurts; where it cannot be undone, asks for the name. */
export function Confirm({ title, children, verb, name, calm = false, error, busy, onConfirm, onClose }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const allowed = name === undefined || typed.trim() === name;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (allowed) onConfirm();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {name !== undefined && (
          <TextInput
            label={
              <>
                Type <code>{name}</code> to confirm
              </>
            }
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
          />
        )}
        {error !== undefined && error !== null && <Fault error={error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" {...(calm ? {} : { color: "red" })} disabled={!allowed} loading={busy}>
            {verb}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
