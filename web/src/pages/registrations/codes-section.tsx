import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import type { Call } from "@roost/contract/client";
import { addEnrolmentCode, type EnrolmentCode, listEnrolmentCodes, removeEnrolmentCode } from "@roost/contract/registrations";
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { sites } from "../people/questions.ts";

import styles from "./registrations.module.css";

const codes = (call: Call) =>
  queryOptions({ queryKey: ["enrolment-codes"], queryFn: ({ signal }) => call(listEnrolmentCodes, { signal }) });

/** Codes by which new devices come in without being waited for. */
export function CodesSection() {
  const { call } = useApi();
  const query = useQuery(codes(call));
  const siteNames = new Map(useQuery(sites(call)).data?.items.map(({ id, name }) => [id, name]));
  const [adding, setAdding] = useState(false);
  const add = (
    <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Make a code
    </Button>
  );
  return (
    <Section
      title="Enrolment codes"
      about="New devices that show a valid one are approved at once. Type it into their portal, or put it into their firmware."
      actions={query.data !== undefined && query.data.items.length > 0 && add}
    >
      <RowsOf
        query={query}
        noun="enrolment codes"
        items={(answer) => answer.items}
        empty={
          <Empty title="No enrolment codes.">
            <p>Make one before you set up many devices at once; it ends by itself, after so many devices or so many days.</p>
            {add}
          </Empty>
        }
      >
        {(code) => <CodeRow key={code.id} code={code} site={code.siteId === undefined ? undefined : siteNames.get(code.siteId)} />}
      </RowsOf>
      {adding && <AddCode onClose={() => setAdding(false)} />}
    </Section>
  );
}

const stateWords = { valid: "ends", used_up: "used up; ends", ended: "ended" } as const;

function CodeRow({ code, site }: { readonly code: EnrolmentCode; readonly site: string | undefined }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(removeEnrolmentCode, { params: { enrolmentCodeId: code.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["enrolment-codes"] }),
  });
  return (
    <>
      <Row
        what={code.name}
        about={
          <>
            {code.uses} of {code.maxUses} used · {stateWords[code.state]} <Age at={code.expiresAt} />
            {site !== undefined && <> · to {site}</>}
            {code.readmits && <> · lets known devices come back</>} · by {code.createdBy}
          </>
        }
        actions={
          <Button variant="subtle" color="red" onClick={() => setRemoving(true)} aria-label={`Take ${code.name} back`}>
            Take back
          </Button>
        }
      />
      {removing && (
        <Confirm
          title={`Take ${code.name} back?`}
          verb="Take code back"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setRemoving(false)}
        >
          <p>Devices that show it wait for approval from now on. Those that came by it stay.</p>
        </Confirm>
      )}
    </>
  );
}

const daySeconds = 86_400;
const spans = [
  { value: String(daySeconds), label: "1 day" },
  { value: String(7 * daySeconds), label: "1 week" },
  { value: String(30 * daySeconds), label: "30 days" },
  { value: String(365 * daySeconds), label: "1 year" },
];

function AddCode({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const places = useQuery(sites(call)).data?.items ?? [];
  const [name, setName] = useState("");
  const [uses, setUses] = useState("10");
  const [seconds, setSeconds] = useState(String(7 * daySeconds));
  const [siteId, setSiteId] = useState<string | null>(null);
  const [readmits, setReadmits] = useState(false);
  const usesFault = /^\d{1,5}$/.test(uses) && Number(uses) >= 1 && Number(uses) <= 10_000 ? undefined : "From 1 to 10000.";
  const add = useMutation({
    mutationFn: () =>
      call(addEnrolmentCode, {
        body: {
          name: name.trim(),
          maxUses: Number(uses),
          validSeconds: Number(seconds),
          readmits,
          ...(siteId === null ? {} : { siteId }),
        },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["enrolment-codes"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (name.trim() !== "" && usesFault === undefined) add.mutate();
  };
  if (add.data !== undefined) {
    return (
      <Dialog title={`The code ${add.data.enrolmentCode.name}, shown once`} onClose={onClose}>
        <CopyBox what="Enrolment code" text={add.data.code} />
        <p>Roost never shows it again. It may be typed in small letters and without hyphens.</p>
        <FormEnd>
          <Button onClick={onClose}>I have it</Button>
        </FormEnd>
      </Dialog>
    );
  }
  return (
    <Dialog title="Make an enrolment code" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          description="What it is for."
          placeholder="Greenhouse, spring"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={120}
          required
          autoComplete="off"
        />
        <TextInput
          label="Lets in at most … devices"
          inputMode="numeric"
          value={uses}
          onChange={(event) => setUses(event.currentTarget.value)}
          error={usesFault}
        />
        <Select
          label="Ends after"
          data={spans}
          value={seconds}
          onChange={(value) => setSeconds(value ?? String(7 * daySeconds))}
          comboboxProps={{ withinPortal: false }}
        />
        {places.length > 0 && (
          <Select
            label="Site"
            description="Where devices stand that come by it."
            placeholder="None"
            clearable
            data={places.map((site) => ({ value: site.id, label: site.name }))}
            value={siteId}
            onChange={setSiteId}
            comboboxProps={{ withinPortal: false }}
          />
        )}
        <Checkbox
          className={styles.choice}
          label="Lets known devices come back after a reset"
          description="Who holds the code and knows a device’s MAC address may then take its place. Leave it off where many hold the code."
          checked={readmits}
          onChange={(event) => setReadmits(event.currentTarget.checked)}
        />
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending} disabled={name.trim() === "" || usesFault !== undefined}>
            Make code
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
