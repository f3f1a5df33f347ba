import { Button, TextInput } from "@mantine/core";
import { acceptTransfer, type DeviceTransfer, listTransfers, withdrawTransfer } from "@roost/contract/transfers";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";

/** Devices on their way from one organisation to another. */
export function TransfersSection() {
  const { call } = useApi();
  const query = useQuery({ queryKey: ["transfers"], queryFn: ({ signal }) => call(listTransfers, { signal }) });
  const [accepting, setAccepting] = useState(false);
  return (
    <Section
      title="Devices given away and taken over"
      about="A device goes with its history. It is offered on its settings page; here it is taken over with the code of the offer."
      actions={
        <Button variant="default" onClick={() => setAccepting(true)}>
          Take a device over
        </Button>
      }
    >
      <RowsOf query={query} noun="transfers" items={(answer) => answer.items} empty={<p className="quiet">None yet.</p>}>
        {(transfer) => <TransferRow key={transfer.id} transfer={transfer} />}
      </RowsOf>
      {accepting && <Accept onClose={() => setAccepting(false)} />}
    </Section>
  );
}

const words: Readonly<Record<DeviceTransfer["state"], string>> = {
  offered: "offered, waits for the code",
  done: "done",
  withdrawn: "withdrawn",
  ended: "the offer ended",
};

function TransferRow({ transfer }: { readonly transfer: DeviceTransfer }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const withdraw = useMutation({
    mutationFn: () => call(withdrawTransfer, { params: { transferId: transfer.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["transfers"] }),
  });
  const other = transfer.otherOrganisation;
  return (
    <>
      <Row
        what={transfer.deviceName}
        about={
          <>
            {transfer.direction === "out" ? "given away" : "taken over"}
            {other !== undefined && <> {transfer.direction === "out" ? `to ${other}` : `from ${other}`}</>} · {words[transfer.state]} · by{" "}
            {transfer.by} · <Age at={transfer.settledAt ?? transfer.createdAt} />
          </>
        }
        actions={
          transfer.state === "offered" && (
            <Button
              variant="subtle"
              color="red"
              loading={withdraw.isPending}
              onClick={() => withdraw.mutate()}
              aria-label={`Withdraw the offer of ${transfer.deviceName}`}
            >
              Withdraw
            </Button>
          )
        }
      />
      {withdraw.isError && <Fault error={withdraw.error} />}
    </>
  );
}

function Accept({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [code, setCode] = useState("");
  const accept = useMutation({
    mutationFn: () => call(acceptTransfer, { body: { code: code.trim() } }),
    onSuccess: async () => {
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["transfers"] }),
        queryClient.invalidateQueries({ queryKey: ["devices"] }),
      ]);
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    accept.mutate();
  };
  return (
    <Dialog title="Take a device over" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Code of the offer"
          description="Whoever gives the device away has it."
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
          required
          withAsterisk={false}
          autoComplete="off"
          spellCheck={false}
          classNames={{ input: "mono" }}
        />
        {accept.isError && <Fault error={accept.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={accept.isPending} disabled={code.trim() === ""}>
            Take over
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
