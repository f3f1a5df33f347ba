import { Button, TextInput } from "@mantine/core";
import { changeOrganisation } from "@roost/contract/organisations";
import { leaveOrganisation } from "@roost/contract/people";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";
import { SupportSection } from "./support-section.tsx";
import { TransfersSection } from "./transfers-section.tsx";

import styles from "./organisation-page.module.css";

/** The organisation itself: its name, whom of outside it lets in, what devices it gives away and takes over. */
export function OrganisationPage() {
  const mayWrite = useMay("organisation:write");
  const mayTransfer = useMay("devices:transfer");
  const { organisation } = useSession();
  return (
    <Page title={organisation.name} tab="Organisation">
      {mayWrite && <Naming key={organisation.id} name={organisation.name} />}
      {mayTransfer && <TransfersSection />}
      <DataLink />
      <HomeAssistantLink />
      {mayWrite && <SupportSection />}
      <Leaving />
    </Page>
  );
}

function DataLink() {
  return (
    <Section
      title="Data"
      about="How long values, statistics and records are kept; and everything about a person or a device, to take away or to erase."
    >
      <Link to="/organisation/data">See what is kept, and for how long</Link>
    </Section>
  );
}

function HomeAssistantLink() {
  return (
    <Section
      title="Home Assistant"
      about="A bridge to the broker it listens to: Roost's devices appear there, and those of others can be taken in."
    >
      <Link to="/home-assistant">Open the bridge to Home Assistant</Link>
    </Section>
  );
}

function Naming({ name: before }: { readonly name: string }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState(before);
  const save = useMutation({
    mutationFn: () => call(changeOrganisation, { body: { name: name.trim() } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["session"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Section title="Name">
      <form className={styles.line} onSubmit={submit}>
        <TextInput
          label="Name of the organisation"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={120}
          required
          withAsterisk={false}
        />
        <Button type="submit" loading={save.isPending} disabled={name.trim() === "" || name.trim() === before}>
          Save
        </Button>
      </form>
      {save.isError && <Fault error={save.error} />}
    </Section>
  );
}

function Leaving() {
  const { call } = useApi();
  const { organisation } = useSession();
  const [asked, setAsked] = useState(false);
  const leave = useMutation({ mutationFn: () => call(leaveOrganisation, {}), onSuccess: () => window.location.assign("/") });
  return (
    <Section
      title="Leave"
      about="You lose sight of everything here. Coming back takes an invitation."
      actions={
        <Button variant="subtle" color="red" onClick={() => setAsked(true)}>
          Leave {organisation.name}
        </Button>
      }
    >
      {asked && (
        <Confirm
          title={`Leave ${organisation.name}?`}
          verb="Leave"
          name={organisation.name}
          busy={leave.isPending}
          error={leave.error}
          onConfirm={() => leave.mutate()}
          onClose={() => setAsked(false)}
        >
          <p>The API tokens you made here end with it.</p>
        </Confirm>
      )}
    </Section>
  );
}
