import { Button, Select, TextInput } from "@mantine/core";
import { addDevice, type ClaimTicket, type Device } from "@roost/contract/devices";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { kindChoices } from "../../parts/kinds.ts";
import { StateMark } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { useApi } from "../../roost.tsx";
import { WaitingLink } from "../registrations/waiting-link.tsx";
import { ClaimTicketView } from "./claim-ticket.tsx";
import { connectCommands, suggestId } from "./connect.ts";

import styles from "./add-device-page.module.css";

/** Adds a device, shows its claim secret once, and waits with the person until it speaks. */
export function AddDevicePage() {
  const [added, setAdded] = useState<{ device: Device; ticket: ClaimTicket }>();
  if (added === undefined) return <AddForm onAdded={setAdded} />;
  return <Added {...added} onAnother={() => setAdded(undefined)} />;
}

function AddForm({ onAdded }: { readonly onAdded: (added: { device: Device; ticket: ClaimTicket }) => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [ownId, setOwnId] = useState("");
  const [kind, setKind] = useState("generic");
  const [pace, setPace] = useState("60");
  const id = ownId.trim() === "" ? suggestId(name) : ownId.trim();
  const faults = {
    id: id === "" || /^[A-Za-z0-9_-]{3,64}$/.test(id) ? undefined : "3 to 64 letters, digits, hyphens or underscores.",
    pace: Number(pace) >= 1 && Number(pace) <= 86_400 ? undefined : "From 1 to 86400 seconds.",
  };
  const add = useMutation({
    mutationFn: () =>
      call(addDevice, {
        body: { ...(id === "" ? {} : { id }), ...(name.trim() === "" ? {} : { name: name.trim() }), kind, heartbeatSeconds: Number(pace) },
      }),
    onSuccess: async (answer) => {
      onAdded(answer);
      await queryClient.invalidateQueries({ queryKey: ["devices"] });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (faults.id === undefined && faults.pace === undefined) add.mutate();
  };
  return (
    <Page title="Add a device" actions={<WaitingLink />}>
      <p className="quiet">
        A device that registers by itself needs no adding: it shows up under <Link to="/waiting-devices">waiting devices</Link>.
      </p>
      <form className={styles.form} onSubmit={submit}>
        <TextInput
          label="Name"
          description="What people call it."
          placeholder="Greenhouse north"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={120}
          autoComplete="off"
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the page has one thing to do
          autoFocus
        />
        <TextInput
          label="Id"
          description="What it calls itself, in topics and on its label. It stays for ever."
          placeholder={suggestId(name) === "" ? "made for you when left empty" : suggestId(name)}
          value={ownId}
          onChange={(event) => setOwnId(event.currentTarget.value)}
          error={faults.id}
          maxLength={64}
          spellCheck={false}
          autoCapitalize="none"
          autoComplete="off"
        />
        <Select
          label="Kind"
          description="A kit that knows the kind knows its metrics, units and limits."
          data={kindChoices()}
          value={kind}
          onChange={(chosen) => setKind(chosen ?? "generic")}
        />
        <TextInput
          label="Speaks every … seconds"
          description="Three missed in a row make it offline. A device that tells its own pace overrides this."
          inputMode="numeric"
          value={pace}
          onChange={(event) => setPace(event.currentTarget.value)}
          error={faults.pace}
        />
        {add.isError && <Fault error={add.error} />}
        <div>
          <Button type="submit" loading={add.isPending}>
            Add device
          </Button>
        </div>
      </form>
    </Page>
  );
}

type Way = "claim" | "mqtt" | "http" | "agent";

function Added({ device, ticket, onAnother }: { readonly device: Device; readonly ticket: ClaimTicket; readonly onAnother: () => void }) {
  const [way, setWay] = useState<Way>("claim");
  const commands = connectCommands({ deviceId: device.id, claimUri: ticket.claimUri });
  return (
    <Page
      title={`${device.name} is added`}
      actions={
        <Button variant="default" onClick={onAnother}>
          Add another
        </Button>
      }
    >
      <Progress device={device} />
      <Section title="1. Keep the claim secret" about="It is shown once. The device proves itself with it and gets its credentials.">
        <ClaimTicketView ticket={ticket} name={device.name} />
      </Section>
      <Section title="2. Connect it" about={commands[way].about}>
        <div className={styles.ways}>
          <Chips
            label="Way to connect"
            value={way}
            onChange={setWay}
            choices={[
              { value: "claim", label: "Claim by hand" },
              { value: "mqtt", label: "Publish by MQTT" },
              { value: "http", label: "Send by HTTP" },
              { value: "agent", label: "Linux agent" },
            ]}
          />
          <CopyBox what="In a shell" text={commands[way].command} label="Copy command" />
        </div>
      </Section>
    </Page>
  );
}

/** The three steps of a new device, ticked off live as they happen. */
function Progress({ device }: { readonly device: Device }) {
  const now = useQuery({ ...useApi().device(device.id), initialData: device, refetchInterval: 2_000 }).data;
  const steps = [
    { word: "Added", done: true, at: now.createdAt },
    { word: "Claimed", done: now.claimedAt !== undefined, at: now.claimedAt },
    { word: "Heard", done: now.lastSeenAt !== undefined, at: now.lastSeenAt },
  ];
  return (
    <section className={styles.progress} aria-label="Progress" aria-live="polite">
      <StateMark state={now.state} />
      <ol>
        {steps.map((step) => (
          <li key={step.word} data-done={step.done}>
            <span aria-hidden="true">{step.done ? "✓" : "○"}</span> {step.word}{" "}
            {step.at === undefined ? <span className="quiet">not yet</span> : <Age at={step.at} />}
          </li>
        ))}
      </ol>
      {now.lastSeenAt !== undefined && (
        <Button component={Link} to={`/devices/${device.id}`}>
          See its measurements
        </Button>
      )}
    </section>
  );
}
