import { Button, TextInput } from "@mantine/core";
import {
  changeDevice,
  type ClaimTicket,
  type Device,
  removeDevice,
  renewClaimSecret,
  revokeCredentials,
  rotateCredentials,
} from "@roost/contract/devices";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { KitConfiguration } from "../../parts/kit-configuration.tsx";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { ClaimTicketView } from "./claim-ticket.tsx";
import { ConfigurationSettings } from "./device-configuration.tsx";
import { DevicePlace, DeviceWay } from "./device-place.tsx";
import { DeviceTransfer } from "./device-transfer.tsx";
import { MetricSettings } from "./metric-settings.tsx";

import styles from "./device-settings.module.css";

const deviceRoute = getRouteApi("/signed-in/devices/$deviceId");

/** What can be changed about a device: its name and pace, its credentials, its being here at all. */
export function DeviceSettings() {
  const { deviceId } = deviceRoute.useParams();
  const device = useQuery(useApi().device(deviceId));
  const mayWrite = useMay("devices:write");
  const mayCredentials = useMay("devices:credentials");
  const mayTransfer = useMay("devices:transfer");
  if (device.data === undefined) return null;
  if (!mayWrite && !mayCredentials) return <p>Your role may look at this device, not change it.</p>;
  return (
    <div className={styles.parts}>
      {mayWrite && <Naming key={device.data.id} device={device.data} />}
      {mayWrite && (
        <KitConfiguration device={device.data} fallback={<Bone height={220} />}>
          <ConfigurationSettings deviceId={device.data.id} />
        </KitConfiguration>
      )}
      {mayWrite && <DevicePlace key={`${device.data.siteId ?? ""} ${(device.data.groupIds ?? []).join(" ")}`} device={device.data} />}
      {mayWrite && <DeviceWay key={device.data.parentId ?? ""} device={device.data} />}
      {mayWrite && <MetricSettings deviceId={device.data.id} />}
      {mayCredentials && <Credentials device={device.data} />}
      {mayTransfer && <DeviceTransfer device={device.data} />}
      {mayWrite && <Removal device={device.data} />}
    </div>
  );
}

function Naming({ device }: { readonly device: Device }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState(device.name);
  const [pace, setPace] = useState(String(device.heartbeatSeconds));
  const save = useMutation({
    mutationFn: () => call(changeDevice, { params: { deviceId: device.id }, body: { name: name.trim(), heartbeatSeconds: Number(pace) } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["devices"] }),
  });
  const paceFits = Number(pace) >= 1 && Number(pace) <= 86_400;
  const changed = name.trim() !== device.name || Number(pace) !== device.heartbeatSeconds;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (paceFits && changed) save.mutate();
  };
  return (
    <Section title="Name and pace">
      <form className={styles.form} onSubmit={submit}>
        <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={120} required />
        <TextInput
          label="Speaks every … seconds"
          description="Three missed make it offline. A device that tells its own pace overrides this."
          inputMode="numeric"
          value={pace}
          onChange={(event) => setPace(event.currentTarget.value)}
          error={paceFits ? undefined : "From 1 to 86400."}
          required
        />
        {save.isError && <Fault error={save.error} />}
        <div>
          <Button type="submit" disabled={!changed || !paceFits} loading={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Section>
  );
}

type Act = "rotate" | "revoke" | "renew";

function Credentials({ device }: { readonly device: Device }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState<Act>();
  const [ticket, setTicket] = useState<ClaimTicket>();
  const params = { deviceId: device.id };
  const close = () => setAsked(undefined);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["devices"] });
  const rotate = useMutation({ mutationFn: () => call(rotateCredentials, { params, body: {} }), onSuccess: close });
  const revoke = useMutation({
    mutationFn: () => call(revokeCredentials, { params }),
    onSuccess: async () => {
      close();
      await refresh();
    },
  });
  const renew = useMutation({
    mutationFn: () => call(renewClaimSecret, { params }),
    onSuccess: (made) => {
      close();
      setTicket(made);
    },
  });
  return (
    <Section
      title="Credentials"
      about="A device proves itself with its claim secret once, and gets a user name and password for everything else."
    >
      <ul className={styles.acts}>
        <li>
          <div>
            <h3>Change the password</h3>
            <p>The old one works on for a day, so that the device can be told the new one without a gap.</p>
          </div>
          <Button variant="default" onClick={() => setAsked("rotate")} disabled={device.claimedAt === undefined}>
            Change password
          </Button>
        </li>
        <li>
          <div>
            <h3>Make a new claim secret</h3>
            <p>For a lost label, or a device that was set back. The old secret stops working; what is connected stays connected.</p>
          </div>
          <Button variant="default" onClick={() => setAsked("renew")}>
            New claim secret
          </Button>
        </li>
        <li>
          <div>
            <h3>Take all credentials away</h3>
            <p>For a device that was stolen or misbehaves. It is cut off at once and must claim again with a new secret.</p>
          </div>
          <Button variant="outline" color="red" onClick={() => setAsked("revoke")}>
            Revoke
          </Button>
        </li>
      </ul>
      {asked === "rotate" && (
        <Confirm
          title="Change the password?"
          verb="Change password"
          busy={rotate.isPending}
          error={rotate.error}
          onConfirm={() => rotate.mutate()}
          onClose={close}
        >
          <p>You get the new password once. Give it to the device within a day; then the old one ends.</p>
        </Confirm>
      )}
      {asked === "renew" && (
        <Confirm
          title="Make a new claim secret?"
          verb="New claim secret"
          busy={renew.isPending}
          error={renew.error}
          onConfirm={() => renew.mutate()}
          onClose={close}
        >
          <p>Labels printed before stop working.</p>
        </Confirm>
      )}
      {asked === "revoke" && (
        <Confirm
          title={`Cut ${device.name} off?`}
          verb="Revoke credentials"
          name={device.id}
          busy={revoke.isPending}
          error={revoke.error}
          onConfirm={() => revoke.mutate()}
          onClose={close}
        >
          <p>Its connection ends within seconds, and nothing it sends is taken any more. Its values stay.</p>
        </Confirm>
      )}
      {rotate.data !== undefined && (
        <Dialog title="The new password, shown once" onClose={rotate.reset}>
          <CopyBox what="User name" text={rotate.data.username} />
          <CopyBox what="Password" text={rotate.data.password} />
          {rotate.data.oldValidUntil !== undefined && (
            <p>
              The old one ends <Age at={rotate.data.oldValidUntil} />.
            </p>
          )}
        </Dialog>
      )}
      {ticket !== undefined && (
        <Dialog title="The new claim secret, shown once" onClose={() => setTicket(undefined)}>
          <ClaimTicketView ticket={ticket} name={device.name} />
        </Dialog>
      )}
    </Section>
  );
}

function Removal({ device }: { readonly device: Device }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(removeDevice, { params: { deviceId: device.id }, query: { confirm: device.id } }),
    onSuccess: async () => {
      await navigate({ to: "/", search: {} });
      queryClient.removeQueries({ queryKey: ["devices", "one", device.id] });
      await queryClient.invalidateQueries({ queryKey: ["devices"] });
    },
  });
  return (
    <Section title="Remove this device" about="With its credentials, its values, its thresholds and its alarms. This cannot be undone.">
      <Button variant="outline" color="red" onClick={() => setAsking(true)}>
        Remove device
      </Button>
      {asking && (
        <Confirm
          title={`Remove ${device.name}?`}
          verb="Remove device and data"
          name={device.id}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>
            All it ever measured goes with it. To keep the values as CSV, download them first under Measurements. To only cut it off, revoke
            its credentials.
          </p>
        </Confirm>
      )}
    </Section>
  );
}
