import { eraseDevice, erasePerson } from "@roost/contract/personal-data";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./data.module.css";

interface EraseProps {
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** A device, or a person: a member by their address too; who has left by the id alone. */
export type Subject =
  | { readonly kind: "device"; readonly id: string }
  | { readonly kind: "person"; readonly id: string; readonly email?: string };

/** What has to be typed before somebody or something is erased. */
export function nameOf(subject: Subject): string {
  return subject.kind === "person" ? (subject.email ?? subject.id) : subject.id;
}

/** Erases a person or a device once their name was typed. */
export function EraseSubject({ subject, ...rest }: EraseProps & { readonly subject: Subject }) {
  const { call } = useApi();
  const name = nameOf(subject);
  const { id } = subject;
  if (subject.kind === "device") {
    return (
      <Erase
        {...rest}
        name={name}
        erase={() => call(eraseDevice, { params: { deviceId: id }, body: { confirm: name } })}
        goes="The device with its credentials and connections, every value and statistic, its events, alarms and notices, and the facts about it."
        stays="The audit trail says that it was here and who did what to it; what it was called is taken out. An organisation it was handed over from keeps its own record of that."
      />
    );
  }
  return (
    <Erase
      {...rest}
      name={name}
      erase={() => call(erasePerson, { params: { personId: id }, body: { confirm: name } })}
      goes="Their membership, API tokens and invitations; the account with its passwords, passkeys and sessions too, if they belong to no other organisation. Alarms, notes and records they left stay, without a name."
      stays="The audit trail says that this id did something, and when; names, addresses and programs are taken out."
    />
  );
}

interface QuestionProps extends EraseProps {
  readonly name: string;
  readonly goes: ReactNode;
  readonly stays: ReactNode;
  readonly erase: () => Promise<unknown>;
}

function Erase({ name, goes, stays, erase, onClose, onDone }: QuestionProps) {
  const queryClient = useQueryClient();
  const run = useMutation({
    mutationFn: erase,
    onSuccess: async () => {
      await Promise.all(["erasures", "devices", "people", "audit"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
      onClose();
      onDone();
    },
  });
  return (
    <Confirm
      title={`Erase ${name}?`}
      verb="Erase"
      name={name}
      busy={run.isPending}
      error={run.error}
      onConfirm={() => run.mutate()}
      onClose={onClose}
    >
      <dl className={styles.fate}>
        <dt>Goes for good, at once</dt>
        <dd>{goes}</dd>
        <dt>Stays, because the record must</dt>
        <dd>{stays}</dd>
        <dt>Not reached</dt>
        <dd>Backups until they are too old to be kept, and what was sent elsewhere: mail, webhooks, files somebody downloaded.</dd>
      </dl>
    </Confirm>
  );
}
