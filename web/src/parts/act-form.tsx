import { Button, Select } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode, SyntheticEvent } from "react";

import { Dialog, FormEnd } from "./dialog.tsx";
import { Fault } from "./fault.tsx";

interface FormProps {
  readonly title: string;
  readonly verb: string;
  readonly ready?: boolean;
  readonly act: { readonly isPending: boolean; readonly error: unknown; readonly mutate: (given: undefined) => void };
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A dialog that does one thing once it is filled in: what stands in it, what went wrong, and the two buttons. */
export function ActForm({ title, verb, ready = true, act, onClose, children }: FormProps) {
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (ready) act.mutate(undefined);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {act.error !== null && <Fault error={act.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={!ready} loading={act.isPending}>
            {verb}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

/** A member, or nobody, to give something to; in a dialog. */
export function MemberChoice({
  label,
  description,
  members,
  value,
  onChange,
}: {
  readonly label: string;
  readonly description: string;
  readonly members: UseQueryResult<{ readonly items: readonly { readonly email: string; readonly name: string }[] }>;
  /** An e-mail address. */
  readonly value: string | null;
  readonly onChange: (email: string | null) => void;
}) {
  return (
    <>
      {members.isError && <Fault title="The members could not be loaded" error={members.error} onRetry={() => void members.refetch()} />}
      <Select
        label={label}
        description={description}
        placeholder="Nobody"
        data={members.data?.items.map(({ email, name }) => ({ value: email, label: `${name} (${email})` })) ?? []}
        value={value}
        onChange={onChange}
        clearable
        searchable
        comboboxProps={{ withinPortal: false }}
      />
    </>
  );
}
