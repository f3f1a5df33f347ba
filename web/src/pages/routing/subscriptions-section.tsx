import { Button, MultiSelect, Select, TextInput } from "@mantine/core";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { addSubscription, listSubscriptions, removeSubscription } from "@roost/contract/preferences";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { kindChoices, severityChoices } from "../../parts/alarm-words.ts";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";

import styles from "../on-call/on-call.module.css";

/** Addresses of people without an account. */
export function Subscriptions() {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const query = useQuery({ queryKey: ["routing", "subscriptions"], queryFn: ({ signal }) => call(listSubscriptions, { signal }) });
  const [adding, setAdding] = useState(false);
  const [email, setEmail] = useState("");
  const [minSeverity, setSeverity] = useState<Severity>("major");
  const [kinds, setKinds] = useState<string[]>([]);
  const renew = () => queryClient.invalidateQueries({ queryKey: ["routing"] });
  const add = useMutation({
    mutationFn: () =>
      call(addSubscription, { body: { email, minSeverity, ...(kinds.length === 0 ? {} : { kinds: kinds as AlarmKind[] }) } }),
    onSuccess: async () => {
      await renew();
      setAdding(false);
      setEmail("");
    },
  });
  const remove = useMutation({
    mutationFn: (subscriptionId: string) => call(removeSubscription, { params: { subscriptionId } }),
    onSuccess: renew,
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Section
      title="Subscriptions by mail"
      about="For people without an account. An address is asked first, and each mail has a link that ends it."
      actions={
        <Button variant="default" onClick={() => setAdding(true)}>
          Ask an address
        </Button>
      }
    >
      {remove.isError && <Fault error={remove.error} />}
      <RowsOf
        query={query}
        noun="subscriptions"
        items={(answer) => answer.items}
        empty={<p className="quiet">No address was asked yet.</p>}
      >
        {(one) => (
          <Row
            key={one.id}
            what={one.email}
            about={
              <>
                {one.state === "confirmed" ? "Agreed" : "Asked, no answer yet"} <Age at={one.confirmedAt ?? one.createdAt} /> · from{" "}
                {one.minSeverity} on
                {one.kinds === undefined ? "" : ` · ${one.kinds.join(", ")}`}
              </>
            }
            actions={
              <Button variant="subtle" color="red" onClick={() => remove.mutate(one.id)} aria-label={`Take ${one.email} out`}>
                Take out
              </Button>
            }
          />
        )}
      </RowsOf>
      {adding && (
        <Dialog title="Ask an address" onClose={() => setAdding(false)}>
          <form onSubmit={submit} className={styles.fields}>
            <TextInput label="E-mail" type="email" required value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
            <Select
              label="From severity"
              allowDeselect={false}
              data={severityChoices}
              value={minSeverity}
              onChange={(value) => setSeverity(value ?? "major")}
              comboboxProps={{ withinPortal: false }}
            />
            <MultiSelect
              label="Kinds"
              placeholder={kinds.length === 0 ? "All kinds" : ""}
              data={kindChoices}
              value={kinds}
              onChange={setKinds}
              comboboxProps={{ withinPortal: false }}
            />
            {add.isError && <Fault error={add.error} />}
            <FormEnd>
              <Button type="submit" loading={add.isPending}>
                Send the question
              </Button>
            </FormEnd>
          </form>
        </Dialog>
      )}
    </Section>
  );
}
