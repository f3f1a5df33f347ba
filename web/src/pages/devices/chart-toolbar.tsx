import { ActionIcon, Button, Select } from "@mantine/core";
import { addressOf } from "@roost/contract/client";
import { exportTelemetry } from "@roost/contract/telemetry";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";

import type { ChartStep } from "../../parts/chart.tsx";
import { Chips } from "../../parts/filters.tsx";
import { formatMinute } from "../../parts/format.ts";
import { DownloadIcon, LeftIcon, MinusIcon, PlusIcon, RightIcon } from "../../parts/icons.tsx";
import { endsOf, type Range, rangeNames, rangeWords, type View } from "../../parts/view.ts";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useMay } from "../../roost.tsx";

import styles from "./chart-toolbar.module.css";

const route = getRouteApi("/signed-in/devices/$deviceId/");

interface ToolbarProps {
  readonly deviceId: string;
  readonly metrics: readonly string[] | undefined;
  readonly view: View;
  readonly timeZone: string;
  readonly onStep: (step: ChartStep) => void;
}

/** One stretch of time for all charts of the page. */
export function ChartToolbar({ deviceId, metrics, view, timeZone, onStep }: ToolbarProps) {
  const navigate = route.useNavigate();
  const zones = useMemo(() => zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone")), []);
  const mayExport = useMay("telemetry:export");
  const choose = (range: Range | undefined) =>
    void navigate({ search: (before) => ({ ...before, range, from: undefined, to: undefined }), resetScroll: false });
  const save = () => {
    const ends = endsOf(view, Date.now());
    const query = { from: new Date(ends.from), to: new Date(ends.to), timeZone, metrics: metrics?.join(",") };
    const link = document.createElement("a");
    link.href = addressOf(exportTelemetry, { params: { deviceId }, query });
    // The server names the file.
    link.download = "";
    link.click();
  };
  return (
    <section className={styles.toolbar} aria-label="Time range of the charts">
      <Chips
        label="Range"
        value={view.still === undefined ? view.range : undefined}
        onChange={choose}
        choices={rangeNames.map((range): { value: Range | undefined; label: string } => ({ value: range, label: rangeWords[range] }))}
      />
      <fieldset className={styles.steps} aria-label="Move and zoom">
        <ActionIcon variant="default" aria-label="Earlier" title="Earlier (Page Up)" onClick={() => onStep("earlier")}>
          <LeftIcon />
        </ActionIcon>
        <ActionIcon
          variant="default"
          aria-label="Later"
          title="Later (Page Down)"
          onClick={() => onStep("later")}
          disabled={view.still === undefined}
        >
          <RightIcon />
        </ActionIcon>
        <ActionIcon variant="default" aria-label="Zoom in" title="Zoom in (+)" onClick={() => onStep("in")}>
          <PlusIcon />
        </ActionIcon>
        <ActionIcon variant="default" aria-label="Zoom out" title="Zoom out (−)" onClick={() => onStep("out")}>
          <MinusIcon />
        </ActionIcon>
        <Button variant="default" onClick={() => onStep("reset")} disabled={view.still === undefined} title="Back to now (0)">
          Now
        </Button>
      </fieldset>
      <p className={styles.where} data-moving={view.still === undefined || undefined}>
        {view.still === undefined ? (
          <span className="quiet">Up to now</span>
        ) : (
          <>
            <span>{formatMinute(new Date(view.still.from), timeZone)} –</span>{" "}
            <span>{formatMinute(new Date(view.still.to), timeZone)}</span>
          </>
        )}
      </p>
      <Select
        className={styles.zone}
        aria-label="Time zone"
        data={zones}
        value={timeZone}
        onChange={(tz) =>
          void navigate({
            search: (before) => ({ ...before, tz: tz === null || tz === ownZone() ? undefined : tz }),
            replace: true,
            resetScroll: false,
          })
        }
        searchable
        limit={60}
        nothingFoundMessage="No zone by that name"
      />
      {mayExport && (
        <Button
          variant="default"
          leftSection={<DownloadIcon size={16} />}
          onClick={save}
          title="All samples of this range as CSV"
          aria-label="Download the samples of this range as CSV"
        >
          CSV
        </Button>
      )}
    </section>
  );
}
