import { Button, NumberInput, PasswordInput, Select, Switch, TextInput } from "@mantine/core";
import { changeKitSettings, getKitSettings } from "@roost/contract/kits";
import { Age } from "@roost/web/parts/age.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { formatCount } from "@roost/web/parts/format.ts";
import { KitLink } from "@roost/web/parts/kit-link.tsx";
import { Page, Section } from "@roost/web/parts/page.tsx";
import { PageWaiting } from "@roost/web/parts/waiting.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import {
  type CareSettings,
  type CareSettingsChange,
  changeCareSettings,
  getCareQueue,
  getCareSettings,
  getCareUsage,
  removeCareKey,
  testCareModel,
} from "../contract/care.ts";

import styles from "./garden-settings-page.module.css";

const providers = [
  { value: "anthropic", label: "Anthropic" },
  { value: "openai", label: "OpenAI" },
  { value: "compatible", label: "Compatible with OpenAI, such as a model of your own" },
] as const;

/** How the garden is set: who writes care plans, for how much, and what became of them. */
export function GardenSettingsPage() {
  const { call } = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ["garden", "care-settings"],
    queryFn: ({ signal }) => call(getCareSettings, { signal }),
  });
  return (
    <Page title="Garden settings" actions={<KitLink to="">All plants</KitLink>}>
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <PageWaiting />}
      {data !== undefined && (
        <>
          <Advisor key={data.updatedAt?.getTime() ?? 0} settings={data} />
          <Usage />
          <Queue />
        </>
      )}
    </Page>
  );
}

function Advisor({ settings }: { readonly settings: CareSettings }) {
  const { call } = useApi();
  const may = useMay("garden:configure");
  const queryClient = useQueryClient();
  const [provider, setProvider] = useState(settings.provider);
  const [model, setModel] = useState(settings.model);
  const [baseUrl, setBaseUrl] = useState(settings.baseUrl ?? "");
  const [apiKey, setApiKey] = useState("");
  const [cap, setCap] = useState<number | string>(settings.monthlyCapCents / 100);
  const [input, setInput] = useState<number | string>(settings.priceFrom === "own" ? (settings.price?.inputPerMillion ?? "") : "");
  const [output, setOutput] = useState<number | string>(settings.priceFrom === "own" ? (settings.price?.outputPerMillion ?? "") : "");
  const [weekly, setWeekly] = useState(settings.refresh.weekly);
  const [onChange, setOnChange] = useState(settings.refresh.onStrongChange);
  const onSuccess = () => queryClient.invalidateQueries({ queryKey: ["garden"] });
  const save = useMutation({
    mutationFn: () => {
      const body: CareSettingsChange = {
        provider,
        model: model.trim() === "" ? null : model.trim(),
        baseUrl: provider === "compatible" && baseUrl.trim() !== "" ? baseUrl.trim() : null,
        monthlyCapCents: Math.round(Number(cap) * 100),
        price: input === "" || output === "" ? null : { inputPerMillion: Number(input), outputPerMillion: Number(output) },
        refresh: { weekly, onStrongChange: onChange },
        ...(apiKey === "" ? {} : { apiKey }),
      };
      return call(changeCareSettings, { body });
    },
    onSuccess: async () => {
      setApiKey("");
      await onSuccess();
    },
  });
  const forget = useMutation({ mutationFn: () => call(removeCareKey, {}), onSuccess });
  const test = useMutation({ mutationFn: () => call(testCareModel, {}) });
  const known = settings.knownModels.filter((one) => one.provider === provider);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  if (!may) {
    return (
      <Section title="Care plans by a model">
        <p>{settings.message}</p>
        <p className="quiet">Who may set up the garden chooses the model here.</p>
      </Section>
    );
  }
  return (
    <Section
      title="Care plans by a model"
      about="A model of your choice writes a plan for each plant out of what was measured. Without one everything else works, and rules advise."
    >
      <p className={styles.state} data-ready={settings.state === "ready" || undefined}>
        {settings.message}
      </p>
      <form onSubmit={submit} className={styles.form}>
        <div className={styles.fields}>
          <Select
            label="Provider"
            data={providers.map(({ value, label }) => ({ value, label }))}
            value={provider}
            allowDeselect={false}
            onChange={(next) => {
              const chosen = providers.find(({ value }) => value === next)?.value;
              if (chosen === undefined) return;
              setProvider(chosen);
              setModel(settings.knownModels.find((one) => one.provider === chosen && one.isDefault)?.model ?? "");
            }}
          />
          <TextInput
            label="Model"
            description={
              known.length === 0
                ? "As your server calls it."
                : `Such as ${known
                    .slice(0, 3)
                    .map((one) => one.model)
                    .join(", ")}.`
            }
            value={model}
            onChange={(event) => setModel(event.currentTarget.value)}
            maxLength={120}
          />
          {provider === "compatible" && (
            <TextInput
              label="Address"
              description="Up to and with /v1. A private address has to be allowed by the installation."
              placeholder="http://192.168.1.20:11434/v1"
              value={baseUrl}
              onChange={(event) => setBaseUrl(event.currentTarget.value)}
              maxLength={300}
            />
          )}
          <PasswordInput
            label="Key"
            description={
              settings.apiKeySet
                ? `One is set${settings.apiKeyMasked === undefined ? "" : `, ending in ${settings.apiKeyMasked}`}. It is sealed and never shown; type to replace it.`
                : "Sealed at rest, never shown again."
            }
            value={apiKey}
            onChange={(event) => setApiKey(event.currentTarget.value)}
            autoComplete="off"
            maxLength={400}
          />
          <NumberInput
            hideControls
            label="At most a month"
            description="In US dollars. No call is made that could go beyond."
            prefix="$"
            min={0}
            max={10_000}
            decimalScale={2}
            value={cap}
            onChange={setCap}
          />
          <NumberInput
            hideControls
            label="Price of a million tokens read"
            description={
              settings.price === undefined
                ? "Not known: enter it, 0 for a model of your own."
                : `Empty: $${settings.price.inputPerMillion}, by the table.`
            }
            prefix="$"
            min={0}
            max={10_000}
            value={input}
            onChange={setInput}
          />
          <NumberInput
            hideControls
            label="Price of a million tokens written"
            description={
              settings.price === undefined
                ? "Not known: enter it, 0 for a model of your own."
                : `Empty: $${settings.price.outputPerMillion}, by the table.`
            }
            prefix="$"
            min={0}
            max={10_000}
            value={output}
            onChange={setOutput}
          />
        </div>
        <Switch
          label="A new plan for each plant every week"
          checked={weekly}
          onChange={(event) => setWeekly(event.currentTarget.checked)}
        />
        <Switch
          label="A new plan when a plant turns critical or a trend begins"
          checked={onChange}
          onChange={(event) => setOnChange(event.currentTarget.checked)}
        />
        {save.isError && <Fault error={save.error} />}
        <div className={styles.actions}>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
          <Button variant="default" onClick={() => test.mutate()} loading={test.isPending}>
            Test
          </Button>
          {settings.apiKeySet && (
            <Button variant="subtle" color="red" onClick={() => forget.mutate()} loading={forget.isPending}>
              Forget the key
            </Button>
          )}
        </div>
      </form>
      {test.data !== undefined && (
        <output className={styles.state} data-ready={test.data.ok || undefined}>
          {test.data.message} ({formatCount(test.data.latencyMs)} ms)
        </output>
      )}
      {(test.error ?? forget.error) !== null && <Fault error={test.error ?? forget.error} />}
      <ByModel />
    </Section>
  );
}

/** One switch for all of it: while it is off nothing is asked of any model. */
function ByModel() {
  const { call } = useApi();
  const may = useMay("devices:write");
  const queryClient = useQueryClient();
  const params = { kitId: "garden" };
  const { data } = useQuery({ queryKey: ["garden", "kit-settings"], queryFn: ({ signal }) => call(getKitSettings, { params, signal }) });
  const change = useMutation({
    mutationFn: (plansByModel: boolean) => call(changeKitSettings, { params, body: { plansByModel } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["garden"] }),
  });
  if (data === undefined || !may) return null;
  return (
    <div className={styles.whole}>
      <Switch
        label="Plans by a model may be written at all"
        description="Off: nothing is asked of any model, whatever is set above."
        checked={data.settings["plansByModel"] === true}
        disabled={change.isPending}
        onChange={(event) => change.mutate(event.currentTarget.checked)}
      />
      {change.isError && <Fault error={change.error} />}
    </div>
  );
}

function Usage() {
  const { call } = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ["garden", "care-usage"],
    queryFn: ({ signal }) => call(getCareUsage, { signal }),
  });
  return (
    <Section title="What it cost" about="Counted before each call and settled after it, so that the month's cap holds.">
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data?.months.length === 0 && <p className="quiet">Nothing yet.</p>}
      <ul className={styles.months} aria-label="Months">
        {data?.months.map((month) => (
          <li key={month.month}>
            <span className={styles.month}>{month.month}</span>
            <meter
              className={styles.meter}
              min={0}
              max={Math.max(data.capCents, month.spentCents, 1)}
              value={month.spentCents}
              aria-label={`Spent in ${month.month}`}
            />
            <span className={styles.sum}>
              {dollars(month.spentCents)} of {dollars(data.capCents)}
            </span>
            <span className="quiet">
              {formatCount(month.calls)} calls, {formatCount(month.inputTokens + month.outputTokens)} tokens
              {month.failedCalls > 0 && `, ${formatCount(month.failedCalls)} failed`}
              {month.callsOfUnknownPrice > 0 && `, ${formatCount(month.callsOfUnknownPrice)} of unknown price`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function dollars(cents: number): string {
  return `$${(cents / 100).toFixed(2)}`;
}

function Queue() {
  const { call } = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ["garden", "care-queue"],
    queryFn: ({ signal }) => call(getCareQueue, { signal }),
    refetchInterval: 5_000,
  });
  return (
    <Section title="Plans under way">
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data?.items.length === 0 && <p className="quiet">Nothing waits.</p>}
      <ul className={styles.queue} aria-label="Work on care plans">
        {data?.items.slice(0, 50).map((one) => (
          <li key={one.plantId}>
            <KitLink to={`plants/${one.plantId}`}>{one.plantName}</KitLink>
            <span>{one.message}</span>
            {one.askedAt !== undefined && (
              <span className="quiet">
                asked <Age at={one.askedAt} />
              </span>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
