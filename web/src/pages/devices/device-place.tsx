import { Button, MultiSelect, Select } from "@mantine/core";
import { changeDevice, type Device } from "@roost/contract/devices";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { DeviceChoice } from "../../parts/device-choice.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { useApi } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";

import styles from "./device-settings.module.css";

/** Where a device stands and which groups it belongs to: what roles can be limited to. */
export function DevicePlace({ device }: { readonly device: Device }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  const [siteId, setSiteId] = useState<string | null>(device.siteId ?? null);
  const [groupIds, setGroupIds] = useState<readonly string[]>(device.groupIds ?? []);
  const save = useMutation({
    mutationFn: () =>
      call(changeDevice, {
        params: { deviceId: device.id },
        body: {
          siteId: siteItems.find(({ id }) => id === siteId)?.id ?? null,
          groupIds: groupItems.flatMap(({ id }) => (groupIds.includes(id) ? [id] : [])),
        },
      }),
    onSuccess: () => Promise.all(["devices", "sites", "device-groups"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] }))),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const before = [...(device.groupIds ?? [])].sort().join();
  const changed = siteId !== (device.siteId ?? null) || [...groupIds].sort().join() !== before;
  if (siteItems.length + groupItems.length === 0) {
    return (
      <Section title="Site and groups">
        <p className="quiet">There are no sites or groups yet. Make them under Sites; then roles can be limited to them.</p>
      </Section>
    );
  }
  return (
    <Section title="Site and groups" about="People whose role holds for some sites or groups only see the device by these.">
      <form className={styles.form} onSubmit={submit}>
        <Select
          label="Site"
          placeholder="At no site"
          data={siteItems.map(({ id, name }) => ({ value: id, label: name }))}
          value={siteId}
          onChange={setSiteId}
          clearable
          searchable
        />
        <MultiSelect
          label="Groups"
          placeholder={groupIds.length === 0 ? "In no group" : ""}
          data={groupItems.map(({ id, name }) => ({ value: id, label: name }))}
          value={[...groupIds]}
          onChange={setGroupIds}
          searchable
        />
        {save.isError && <Fault error={save.error} />}
        <div>
          <Button type="submit" disabled={!changed} loading={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Section>
  );
}

/** What a device is reached through: while that is silent, nobody is told that this one is. */
export function DeviceWay({ device }: { readonly device: Device }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [parentId, setParentId] = useState<string | null>(device.parentId ?? null);
  const save = useMutation({
    mutationFn: () => call(changeDevice, { params: { deviceId: device.id }, body: { parentId } }),
    onSuccess: () => Promise.all(["devices", "alarms"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] }))),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Section
      title="Reached through"
      about="A gateway, a switch, an access point. When that falls silent, it is told once, and not again for everything behind it."
    >
      <form className={styles.form} onSubmit={submit}>
        <DeviceChoice
          label="Device it is reached through"
          placeholder="None: straight"
          value={parentId}
          except={device.id}
          onChange={setParentId}
        />
        {save.isError && <Fault error={save.error} />}
        <div>
          <Button type="submit" disabled={parentId === (device.parentId ?? null)} loading={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Section>
  );
}
