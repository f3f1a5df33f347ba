import { Button, Checkbox, NumberInput, PasswordInput, Textarea, TextInput } from "@mantine/core";
import { type HomeAssistantBridge, setHomeAssistantBridge } from "@roost/contract/home-assistant";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./home-assistant-page.module.css";

const usualPort = { plain: 1883, tls: 8883 };

/** Where the broker is and as whom Roost signs in there. */
export function BridgeForm({
  before,
  defaultStatePrefix,
  onClose,
}: {
  readonly before: HomeAssistantBridge | undefined;
  readonly defaultStatePrefix: string;
  readonly onClose: () => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [host, setHost] = useState(before?.host ?? "");
  const [port, setPort] = useState<number | string>(before?.port ?? usualPort.plain);
  const [tls, setTls] = useState(before?.tls ?? false);
  const [caPem, setCaPem] = useState(before?.caPem ?? "");
  const [username, setUsername] = useState(before?.username ?? "");
  const [password, setPassword] = useState("");
  const [discoveryPrefix, setDiscoveryPrefix] = useState(before?.discoveryPrefix ?? "homeassistant");
  const [statePrefix, setStatePrefix] = useState(before?.statePrefix ?? "");
  const save = useMutation({
    mutationFn: () =>
      call(setHomeAssistantBridge, {
        body: {
          host: host.trim(),
          port: Number(port),
          tls,
          ...(tls && caPem.trim() !== "" ? { caPem } : {}),
          ...(username.trim() === "" ? { password: null } : { username: username.trim() }),
          ...(password === "" ? {} : { password }),
          discoveryPrefix: discoveryPrefix.trim(),
          ...(statePrefix.trim() === "" ? {} : { statePrefix: statePrefix.trim() }),
          publish: before?.publish ?? true,
          takeIn: before?.takeIn ?? false,
        },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["home-assistant"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const turnTls = (on: boolean) => {
    setTls(on);
    // Who did not choose a port gets the usual one of either way.
    if (Number(port) === (on ? usualPort.plain : usualPort.tls)) setPort(on ? usualPort.tls : usualPort.plain);
  };
  return (
    <Dialog title={before === undefined ? "Set up the bridge" : "Change the bridge"} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <div className={styles.line}>
          <TextInput
            label="Broker"
            description="Name or address. Often the machine Home Assistant runs on."
            placeholder="homeassistant.local"
            value={host}
            onChange={({ currentTarget }) => setHost(currentTarget.value)}
            maxLength={253}
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
          />
          <NumberInput label="Port" min={1} max={65_535} allowDecimal={false} hideControls value={port} onChange={setPort} />
        </div>
        <Checkbox
          label="The broker speaks TLS on this port"
          checked={tls}
          onChange={({ currentTarget }) => turnTls(currentTarget.checked)}
        />
        {tls && (
          <Textarea
            label="Certificate authority"
            description="In PEM, where the broker's certificate is of an authority of its own. Empty: the well-known ones."
            placeholder="-----BEGIN CERTIFICATE-----"
            value={caPem}
            onChange={({ currentTarget }) => setCaPem(currentTarget.value)}
            autosize
            minRows={2}
            maxRows={6}
            spellCheck={false}
            classNames={{ input: "mono" }}
          />
        )}
        <TextInput
          label="User"
          description="A user of the broker, best one for Roost alone."
          value={username}
          onChange={({ currentTarget }) => setUsername(currentTarget.value)}
          maxLength={120}
          spellCheck={false}
          autoCapitalize="none"
          autoComplete="off"
        />
        <PasswordInput
          label="Password"
          description={
            before?.hasPassword === true
              ? "Empty: stays as it is. For another address or user it has to be given again."
              : "Kept sealed, and never shown again."
          }
          value={password}
          onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          maxLength={200}
          autoComplete="new-password"
        />
        <details className={styles.more}>
          <summary>Topics</summary>
          <TextInput
            label="Discovery prefix"
            description="As Home Assistant's MQTT integration is set up; homeassistant unless somebody changed it."
            value={discoveryPrefix}
            onChange={({ currentTarget }) => setDiscoveryPrefix(currentTarget.value)}
            spellCheck={false}
            classNames={{ input: "mono" }}
          />
          <TextInput
            label="State prefix"
            description="Below it Roost publishes what its devices send."
            placeholder={defaultStatePrefix}
            value={statePrefix}
            onChange={({ currentTarget }) => setStatePrefix(currentTarget.value)}
            spellCheck={false}
            classNames={{ input: "mono" }}
          />
        </details>
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={host.trim() === ""}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
