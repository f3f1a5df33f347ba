import { Button, Textarea, TextInput } from "@mantine/core";
import { type DeviceConfiguration, setConfiguration } from "@roost/contract/configuration";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { readJsonObject } from "./command-words.ts";

import styles from "./device-settings.module.css";

/** What the device is to be set to, and what it says it is set to. */
export function ConfigurationSettings({ deviceId }: { readonly deviceId: string }) {
  const configuration = useQuery(useApi().configuration(deviceId));
  return (
    <Section title="Configuration" about="Told to the device at once, or when it is back. It answers with what it has taken.">
      {configuration.data === undefined && !configuration.isError && <Bone height={220} />}
      {configuration.data === undefined && configuration.isError && (
        <Fault error={configuration.error} onRetry={() => void configuration.refetch()} />
      )}
      {configuration.data !== undefined && (
        <>
          <Standing configuration={configuration.data} />
          <ConfigurationForm key={configuration.data.version} deviceId={deviceId} configuration={configuration.data} />
        </>
      )}
    </Section>
  );
}

const fieldWords = { heartbeatSeconds: "heartbeat", sampleSeconds: "time between samples", settings: "own settings" } as const;

function Standing({ configuration }: { readonly configuration: DeviceConfiguration }) {
  const { state, reported, differs, version } = configuration;
  if (reported === undefined) return <p className={`quiet ${styles.standing}`}>The device has not said what it is set to.</p>;
  const has = (
    <>
      {reported.sampleSeconds !== undefined && `, a sample every ${reported.sampleSeconds} s`}
      {reported.heartbeatSeconds !== undefined && `, a heartbeat every ${reported.heartbeatSeconds} s`}
    </>
  );
  return (
    <p aria-live="polite" className={styles.standing}>
      {state === "same" && (
        <>
          <strong>As wanted.</strong> It has version {reported.version}
          {has}, said <Age at={reported.at} />.
        </>
      )}
      {state === "waiting" && (
        <>
          <strong>Not taken yet.</strong> Wanted is version {version}; it has version {reported.version}
          {has}, said <Age at={reported.at} />.
        </>
      )}
      {state === "differs" && (
        <>
          <strong>It does otherwise{differs.length > 0 && `: ${differs.map((field) => fieldWords[field]).join(", ")}`}.</strong> It says
          version {reported.version}
          {has}, <Age at={reported.at} />. A setting on the device itself may stand above this one.
        </>
      )}
    </p>
  );
}

const fits = (text: string) => /^\d+(\.\d+)?$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= 86_400;

function ConfigurationForm({ deviceId, configuration }: { readonly deviceId: string; readonly configuration: DeviceConfiguration }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const own = JSON.stringify(configuration.settings, undefined, 2);
  const [sample, setSample] = useState(String(configuration.sampleSeconds));
  const [settings, setSettings] = useState(own === "{}" ? "" : own);
  const read = readJsonObject(settings);
  const save = useMutation({
    mutationFn: () =>
      call(setConfiguration, {
        params: { deviceId },
        body: { sampleSeconds: Number(sample), settings: (read ?? {}) as DeviceConfiguration["settings"] },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["devices"] }),
  });
  const isChanged = Number(sample) !== configuration.sampleSeconds || JSON.stringify(read) !== JSON.stringify(configuration.settings);
  const isReady = fits(sample) && read !== undefined && isChanged;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (isReady) save.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <TextInput
        label="A sample every … seconds"
        inputMode="decimal"
        value={sample}
        onChange={(event) => setSample(event.currentTarget.value)}
        error={fits(sample) ? undefined : "From 1 to 86400."}
        required
      />
      <Textarea
        label="Own settings"
        description="A JSON object that the device knows how to read; empty for none."
        autosize
        minRows={2}
        spellCheck={false}
        value={settings}
        onChange={(event) => setSettings(event.currentTarget.value)}
        error={read === undefined ? "This is not a JSON object." : undefined}
      />
      {save.isError && <Fault error={save.error} />}
      <div>
        <Button type="submit" disabled={!isReady} loading={save.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}
