import { Button, Select, TextInput } from "@mantine/core";
import { changeSeries, type Series } from "@roost/contract/telemetry";
import { type Unit, units } from "@roost/contract/units";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMetric, formatNumber } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { parseFigure } from "./rule-texts.ts";

import styles from "./device-settings.module.css";

/** What the metrics of a device are measured in, and what values are possible. */
export function MetricSettings({ deviceId }: { readonly deviceId: string }) {
  const series = useQuery(useApi().series(deviceId));
  const [changing, setChanging] = useState<Series>();
  return (
    <Section
      title="Metrics"
      about="The unit each is shown with, and the values that are physically possible: what lies outside is refused instead of stored."
    >
      {series.data === undefined && !series.isError && <RowsWaiting label="metrics" rows={3} />}
      {series.data === undefined && series.isError && <Fault error={series.error} onRetry={() => void series.refetch()} />}
      {series.data?.items.length === 0 && <p className="quiet">It has not sent any yet.</p>}
      <ul className={styles.acts}>
        {series.data?.items.map((one) => (
          <li key={one.metric}>
            <div>
              <h3 title={one.metric}>{formatMetric(one.metric)}</h3>
              <p>{describeSeries(one)}</p>
            </div>
            <Button variant="default" onClick={() => setChanging(one)} aria-label={`Change ${formatMetric(one.metric)}`}>
              Change
            </Button>
          </li>
        ))}
      </ul>
      {changing !== undefined && <MetricForm deviceId={deviceId} series={changing} onClose={() => setChanging(undefined)} />}
    </Section>
  );
}

function describeSeries({ unit, kind, min, max }: Series): string {
  if (kind === "boolean") return "on or off";
  const limits = [min === undefined ? "" : `from ${formatNumber(min)}`, max === undefined ? "" : `to ${formatNumber(max)}`].filter(
    (limit) => limit !== "",
  );
  return `${unit === "1" ? "without a unit" : `in ${unit}`}, ${limits.length === 0 ? "any value" : limits.join(" ")}`;
}

function MetricForm({ deviceId, series, onClose }: { readonly deviceId: string; readonly series: Series; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [unit, setUnit] = useState<Unit>(series.unit);
  const [min, setMin] = useState(series.min === undefined ? "" : String(series.min));
  const [max, setMax] = useState(series.max === undefined ? "" : String(series.max));
  const lowest = parseFigure(min);
  const highest = parseFigure(max);
  const faults = {
    min: Number.isNaN(lowest) ? "Write a number, such as −40." : undefined,
    max: Number.isNaN(highest)
      ? "Write a number, such as 85."
      : (highest ?? Infinity) <= (lowest ?? -Infinity)
        ? "This must be greater than the lowest."
        : undefined,
  };
  const save = useMutation({
    mutationFn: () =>
      call(changeSeries, { params: { deviceId, metric: series.metric }, body: { unit, min: lowest ?? null, max: highest ?? null } }),
    onSuccess: async () => {
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["devices"] }),
        queryClient.invalidateQueries({ queryKey: ["telemetry", deviceId] }),
      ]);
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (faults.min === undefined && faults.max === undefined) save.mutate();
  };
  return (
    <Dialog title={formatMetric(series.metric)} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <Select
          label="Unit"
          description="A name for what it measures: values are not converted."
          data={units.map((one) => ({ value: one, label: one === "1" ? "none" : one }))}
          value={unit}
          onChange={(chosen) => setUnit(units.find((one) => one === chosen) ?? unit)}
          searchable
          comboboxProps={{ withinPortal: false }}
        />
        <TextInput
          label="Lowest possible"
          inputMode="decimal"
          placeholder="No limit"
          autoComplete="off"
          value={min}
          onChange={(event) => setMin(event.currentTarget.value)}
          error={faults.min}
        />
        <TextInput
          label="Highest possible"
          inputMode="decimal"
          placeholder="No limit"
          autoComplete="off"
          value={max}
          onChange={(event) => setMax(event.currentTarget.value)}
          error={faults.max}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
