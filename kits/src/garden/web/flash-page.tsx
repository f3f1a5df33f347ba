import { Button, NumberInput, Switch } from "@mantine/core";
import { Age } from "@roost/web/parts/age.tsx";
import { CopyBox } from "@roost/web/parts/copy.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { Chips } from "@roost/web/parts/filters.tsx";
import { formatMinute, formatValue } from "@roost/web/parts/format.ts";
import { DownloadIcon } from "@roost/web/parts/icons.tsx";
import { KitLink, useKitParams } from "@roost/web/parts/kit-link.tsx";
import { Page, Section } from "@roost/web/parts/page.tsx";
import { PageWaiting } from "@roost/web/parts/waiting.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import {
  calibrateSoil,
  changeNodeSettings,
  type FirmwareFile,
  type FirmwareKind,
  getNodeFirmware,
  makeNodeFirmware,
  type NodeSettings,
} from "../contract/firmware.ts";
import { hostNameOf } from "../firmware/node-build.ts";
import { flashingSteps, lampWords, troubles } from "../firmware/steps.ts";
import { useNodes, useNodeSettings } from "./garden-api.ts";
import { WiringDrawing } from "./wiring-drawing.tsx";

import styles from "./flash-page.module.css";

/** How a node gets its program: wired, flashed, joined to the Wi-Fi and calibrated, without writing any of it. */
export function FlashPage() {
  const { deviceId = "" } = useKitParams();
  const [kind, setKind] = useState<FirmwareKind>("esphome");
  const settings = useNodeSettings(deviceId);
  const node = useNodes({ q: deviceId }).data?.pages[0]?.items.find(({ id }) => id === deviceId);
  const name = node?.name ?? deviceId;
  if (settings.error !== null) {
    return (
      <Page title="Program of a node">
        <Fault error={settings.error} onRetry={() => void settings.refetch()} />
      </Page>
    );
  }
  if (settings.data === undefined) return <PageWaiting />;
  return (
    <Page title={`Program of ${name}`} tab="Program of a node" actions={<KitLink to="nodes">All nodes</KitLink>}>
      <Programs deviceId={deviceId} kind={kind} onKind={setKind} />
      <Steps kind={kind} file={`${hostNameOf(deviceId)}.yaml`} deviceId={deviceId} />
      <Section title="Wiring" about="Everything runs on 3.3 volts.">
        <WiringDrawing />
      </Section>
      <Pace key={JSON.stringify(settings.data)} settings={settings.data} />
      <Calibration settings={settings.data} raw={node?.latest.find(({ metric }) => metric === "soil_raw")} />
      <Section title="What the lamp tells">
        <ul className={styles.lamp}>
          {lampWords.map(({ pattern, meaning, remedy }) => (
            <li key={pattern}>
              <strong>{meaning}</strong>: {pattern}. <span className="quiet">{remedy}</span>
            </li>
          ))}
        </ul>
      </Section>
      <Section title="When it does not work">
        <dl className={styles.troubles}>
          {troubles.map(({ trouble, remedy }) => (
            <div key={trouble}>
              <dt>{trouble}</dt>
              <dd>{remedy}</dd>
            </div>
          ))}
        </dl>
      </Section>
    </Page>
  );
}

function save({ name, mediaType, text }: FirmwareFile): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: mediaType }));
  link.download = name.split("/").at(-1) ?? name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function Programs({
  deviceId,
  kind,
  onKind,
}: {
  readonly deviceId: string;
  readonly kind: FirmwareKind;
  readonly onKind: (kind: FirmwareKind) => void;
}) {
  const { call } = useApi();
  const mayConfigure = useMay("garden:configure");
  const mayCredentials = useMay("devices:credentials");
  const may = mayConfigure && mayCredentials;
  const params = { deviceId };
  const queryClient = useQueryClient();
  const look = useQuery({
    queryKey: ["garden", "firmware", deviceId, kind],
    queryFn: ({ signal }) => call(getNodeFirmware, { params, query: { kind }, signal }),
  });
  const make = useMutation({
    mutationFn: () => call(makeNodeFirmware, { params, body: { kind } }),
    onSuccess: async ({ files }) => {
      for (const file of files) save(file);
      await queryClient.invalidateQueries({ queryKey: ["garden", "node-settings", deviceId] });
    },
  });
  return (
    <Section
      title="Program"
      about="ESPHome is a configuration with nothing to program. The sketch in C++ is for those who want to change everything."
      actions={
        <Chips
          label="Kind of program"
          value={kind}
          onChange={onKind}
          choices={[
            { value: "esphome", label: "ESPHome" },
            { value: "sketch", label: "C++ sketch" },
          ]}
        />
      }
    >
      {look.error !== null && <Fault error={look.error} onRetry={() => void look.refetch()} />}
      {may && (
        <div className={styles.make}>
          <Button leftSection={<DownloadIcon size={16} />} loading={make.isPending} onClick={() => make.mutate()}>
            Make credentials and download
          </Button>
          <span className="quiet">
            The node gets a new password, in a file of its own. What it uses now goes on for a day, so that a running node is not cut off
            before it is flashed.
          </span>
        </div>
      )}
      {make.isError && <Fault error={make.error} />}
      {make.data !== undefined && (
        <output className={styles.label}>
          <p>
            {make.data.files.map(({ name }) => name).join(", ")} {make.data.files.length === 1 ? "was" : "were"} downloaded. Write this on
            the node; it is shown once:
          </p>
          <dl>
            <dt>Set-up Wi-Fi</dt>
            <dd>{make.data.portal.name}</dd>
            <dt>Code</dt>
            <dd>
              <CopyBox text={make.data.portal.password} what="the code" />
            </dd>
          </dl>
          <p className="quiet">Older credentials work until {formatMinute(make.data.oldValidUntil)}.</p>
          <Button variant="default" onClick={() => window.print()}>
            Print
          </Button>
        </output>
      )}
      {look.data?.files.map((file) => (
        <details key={file.name} className={styles.file}>
          <summary>
            {file.name} <span className="quiet">without secrets</span>
          </summary>
          {/* Reachable by keyboard, since it scrolls. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0}>{file.text}</pre>
          <Button variant="default" leftSection={<DownloadIcon size={16} />} onClick={() => save(file)}>
            Download {file.name}
          </Button>
        </details>
      ))}
    </Section>
  );
}

function Steps({ kind, file, deviceId }: { readonly kind: FirmwareKind; readonly file: string; readonly deviceId: string }) {
  return (
    <Section title="Step by step">
      <ol className={styles.steps}>
        {flashingSteps(kind, file, deviceId).map(({ title, text, command }) => (
          <li key={title}>
            <strong>{title}.</strong> {text}
            {command !== undefined && <CopyBox text={command} what="the command" />}
          </li>
        ))}
      </ol>
    </Section>
  );
}

/** How often it measures and whether it sleeps between. */
function Pace({ settings }: { readonly settings: NodeSettings }) {
  const { call } = useApi();
  const may = useMay("garden:configure");
  const queryClient = useQueryClient();
  const [sampleSeconds, setSampleSeconds] = useState<number | string>(settings.sampleSeconds);
  const [sleepMinutes, setSleepMinutes] = useState<number | string>(settings.sleepSeconds / 60);
  const [hasBattery, setHasBattery] = useState(settings.hasBattery);
  const change = useMutation({
    mutationFn: () =>
      call(changeNodeSettings, {
        params: { deviceId: settings.deviceId },
        body: { sampleSeconds: Number(sampleSeconds), sleepSeconds: Math.round(Number(sleepMinutes) * 60), hasBattery },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["garden"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Section title="Pace" about="A node on a battery sleeps between two samples; one on a charger need not.">
      <form onSubmit={submit} className={styles.pace}>
        <NumberInput
          hideControls
          label="Seconds between two samples"
          value={sampleSeconds}
          onChange={setSampleSeconds}
          min={10}
          max={3_600}
          disabled={!may}
        />
        <NumberInput
          hideControls
          label="Minutes of sleep"
          description="0: it stays awake."
          value={sleepMinutes}
          onChange={setSleepMinutes}
          min={0}
          max={720}
          disabled={!may}
        />
        <Switch
          label="It has a battery"
          checked={hasBattery}
          onChange={(event) => setHasBattery(event.currentTarget.checked)}
          disabled={!may}
        />
        {may && (
          <Button type="submit" loading={change.isPending} variant="default">
            Save pace
          </Button>
        )}
      </form>
      {change.isError && <Fault error={change.error} />}
      {change.data !== undefined && (
        <output>
          {change.data.takesEffect === "sent"
            ? "The node has been told."
            : "It takes effect when the node's program is made and flashed again."}
        </output>
      )}
    </Section>
  );
}

/** Two points make the probe's moisture: in air and in water. */
function Calibration({
  settings,
  raw,
}: {
  readonly settings: NodeSettings;
  readonly raw: { readonly value: number; readonly measuredAt: Date } | undefined;
}) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const queryClient = useQueryClient();
  const take = useMutation({
    mutationFn: (point: "dry" | "wet") => call(calibrateSoil, { params: { deviceId: settings.deviceId }, body: { point } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["garden"] }),
  });
  const points = [
    { point: "dry", word: "Now dry", how: "Hold the probe in air.", volts: settings.soilDryVolts, at: settings.soilDryAt },
    { point: "wet", word: "Now wet", how: "Put it into water up to its line.", volts: settings.soilWetVolts, at: settings.soilWetAt },
  ] as const;
  return (
    <Section title="Soil probe" about="Probes differ. Until both points are measured here, moisture is reckoned by the usual values.">
      <p className={styles.raw}>
        {raw === undefined ? (
          <span className="quiet">The node has sent no voltage of its probe yet.</span>
        ) : (
          <>
            The probe shows <strong>{formatValue(raw.value, "V")}</strong>, measured <Age at={raw.measuredAt} />.
          </>
        )}
      </p>
      <ul className={styles.points}>
        {points.map(({ point, word, how, volts, at }) => (
          <li key={point}>
            <span>
              {how} {formatValue(volts, "V")},{" "}
              {at === undefined ? (
                "the usual value"
              ) : (
                <>
                  measured <Age at={at} />
                </>
              )}
            </span>
            {may && (
              <Button
                variant="default"
                onClick={() => take.mutate(point)}
                loading={take.isPending && take.variables === point}
                disabled={raw === undefined}
              >
                {word}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {take.isError && <Fault error={take.error} />}
    </Section>
  );
}
