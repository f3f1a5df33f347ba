import { Button, Select, TextInput } from "@mantine/core";
import {
  addDeviceGroup,
  addSite,
  changeDeviceGroup,
  changeSite,
  type DeviceGroup,
  removeDeviceGroup,
  removeSite,
  type Site,
} from "@roost/contract/organisations";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useApi, useMay } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";

/** Where devices stand, and what belongs together: what a role can be limited to. */
export function SitesPage() {
  const { call } = useApi();
  const siteList = useQuery(sites(call));
  const groupList = useQuery(deviceGroups(call));
  const mayWrite = useMay("sites:write");
  const [adding, setAdding] = useState<"site" | "group">();
  const addButton = (what: "site" | "group") =>
    mayWrite && (
      <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding(what)}>
        {what === "site" ? "Add site" : "Add group"}
      </Button>
    );
  return (
    <Page title="Sites and groups">
      <Section
        title="Sites"
        about="A place: a coop, a garden, a cabinet, a shop. A device stands at one of them, or at none."
        actions={addButton("site")}
      >
        <RowsOf
          query={siteList}
          noun="sites"
          items={(answer) => answer.items}
          empty={
            <Empty title="No sites yet.">
              <p>With sites you can let a neighbour see one coop and not the other, and read alarms by place.</p>
            </Empty>
          }
        >
          {(site) => <SiteRow key={site.id} site={site} mayWrite={mayWrite} />}
        </RowsOf>
      </Section>
      <Section
        title="Device groups"
        about="What belongs together wherever it stands, such as all pumps. A device may be in several."
        actions={addButton("group")}
      >
        <RowsOf
          query={groupList}
          noun="device groups"
          items={(answer) => answer.items}
          empty={
            <Empty title="No groups yet.">
              <p>Put devices into a group on their settings page.</p>
            </Empty>
          }
        >
          {(group) => <GroupRow key={group.id} group={group} mayWrite={mayWrite} />}
        </RowsOf>
      </Section>
      {adding === "site" && <SiteForm onClose={() => setAdding(undefined)} />}
      {adding === "group" && <GroupForm onClose={() => setAdding(undefined)} />}
    </Page>
  );
}

function devicesIn(count: number): string {
  return count === 0 ? "no devices" : count === 1 ? "1 device" : `${count} devices`;
}

function SiteRow({ site, mayWrite }: { readonly site: Site; readonly mayWrite: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [step, setStep] = useState<"change" | "remove">();
  const remove = useMutation({
    mutationFn: () => call(removeSite, { params: { siteId: site.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["sites"] }),
  });
  return (
    <>
      <Row
        what={site.name}
        about={[devicesIn(site.devices), ...(site.timeZone === undefined ? [] : [site.timeZone])].join(" · ")}
        actions={mayWrite && <RowButtons name={site.name} onStep={setStep} />}
      />
      {step === "change" && <SiteForm site={site} onClose={() => setStep(undefined)} />}
      {step === "remove" && (
        <Confirm
          title={`Remove ${site.name}?`}
          verb="Remove site"
          name={site.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>Its devices stay, at no site. Who could see this site alone sees nothing any more.</p>
        </Confirm>
      )}
    </>
  );
}

function GroupRow({ group, mayWrite }: { readonly group: DeviceGroup; readonly mayWrite: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [step, setStep] = useState<"change" | "remove">();
  const remove = useMutation({
    mutationFn: () => call(removeDeviceGroup, { params: { groupId: group.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["device-groups"] }),
  });
  return (
    <>
      <Row what={group.name} about={devicesIn(group.devices)} actions={mayWrite && <RowButtons name={group.name} onStep={setStep} />} />
      {step === "change" && <GroupForm group={group} onClose={() => setStep(undefined)} />}
      {step === "remove" && (
        <Confirm
          title={`Remove ${group.name}?`}
          verb="Remove group"
          name={group.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>Its devices stay. Who could see this group alone sees nothing any more.</p>
        </Confirm>
      )}
    </>
  );
}

function RowButtons({ name, onStep }: { readonly name: string; readonly onStep: (step: "change" | "remove") => void }) {
  return (
    <>
      <Button variant="subtle" onClick={() => onStep("change")} aria-label={`Change ${name}`}>
        Change
      </Button>
      <Button variant="subtle" color="red" onClick={() => onStep("remove")} aria-label={`Remove ${name}`}>
        Remove
      </Button>
    </>
  );
}

function SiteForm({ site, onClose }: { readonly site?: Site; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState(site?.name ?? "");
  const [zone, setZone] = useState<string | null>(site?.timeZone ?? null);
  const save = useMutation({
    mutationFn: () =>
      site === undefined
        ? call(addSite, { body: { name: name.trim(), ...(zone === null ? {} : { timeZone: zone }) } })
        : call(changeSite, { params: { siteId: site.id }, body: { name: name.trim(), timeZone: zone } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["sites"] });
      onClose();
    },
  });
  return (
    <NameForm
      title={site === undefined ? "Add a site" : `Change ${site.name}`}
      name={name}
      onName={setName}
      busy={save.isPending}
      error={save.error}
      onSave={() => save.mutate()}
      onClose={onClose}
    >
      <Select
        label="Time zone"
        description="Of the place; for times of day there."
        data={zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone"))}
        value={zone}
        onChange={setZone}
        searchable
        clearable
        comboboxProps={{ withinPortal: false }}
      />
    </NameForm>
  );
}

function GroupForm({ group, onClose }: { readonly group?: DeviceGroup; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState(group?.name ?? "");
  const save = useMutation({
    mutationFn: () =>
      group === undefined
        ? call(addDeviceGroup, { body: { name: name.trim() } })
        : call(changeDeviceGroup, { params: { groupId: group.id }, body: { name: name.trim() } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["device-groups"] });
      onClose();
    },
  });
  return (
    <NameForm
      title={group === undefined ? "Add a group" : `Change ${group.name}`}
      name={name}
      onName={setName}
      busy={save.isPending}
      error={save.error}
      onSave={() => save.mutate()}
      onClose={onClose}
    />
  );
}

function NameForm({
  title,
  name,
  onName,
  busy,
  error,
  onSave,
  onClose,
  children,
}: {
  readonly title: string;
  readonly name: string;
  readonly onName: (name: string) => void;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onSave: () => void;
  readonly onClose: () => void;
  readonly children?: ReactNode;
}) {
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    onSave();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          value={name}
          onChange={(event) => onName(event.currentTarget.value)}
          maxLength={120}
          required
          withAsterisk={false}
          autoComplete="off"
        />
        {children}
        {error !== null && error !== undefined && <Fault error={error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={name.trim() === ""}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
