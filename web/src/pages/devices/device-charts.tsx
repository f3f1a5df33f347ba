import { Button } from "@mantine/core";
import type { Series } from "@roost/contract/telemetry";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

import { type ChartStep } from "../../parts/chart.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Figure } from "../../parts/figure.tsx";
import { aboutMetric } from "../../parts/kinds.ts";
import { endsOf, hold, pan, stepOf, viewOf, zoom } from "../../parts/view.ts";
import { isZone, ownZone } from "../../parts/zones.ts";
import { useApi, useNow } from "../../roost.tsx";
import { ChartToolbar } from "./chart-toolbar.tsx";
import { DeviceChart } from "./device-chart.tsx";
import { PartWaiting } from "./device-page.tsx";
import { useLiveSamples } from "./live-samples.ts";

import styles from "./device-charts.module.css";

const route = getRouteApi("/signed-in/devices/$deviceId/");
const deviceRoute = getRouteApi("/signed-in/devices/$deviceId");

/** What the device measures: a tile per metric with its newest value, and a chart each over one stretch of time. */
export function DeviceCharts() {
  const { deviceId } = deviceRoute.useParams();
  const search = route.useSearch();
  const api = useApi();
  const series = useQuery(api.series(deviceId));
  const device = useQuery(api.device(deviceId));
  useLiveSamples(deviceId);
  if (series.data === undefined) {
    if (series.isError)
      return <Fault title="The measurements could not be loaded" error={series.error} onRetry={() => void series.refetch()} />;
    return <PartWaiting />;
  }
  if (series.data.items.length === 0) return <NothingMeasured deviceId={deviceId} />;
  const chosen = series.data.items.filter((one) => search.metric === undefined || one.metric === search.metric);
  return (
    <>
      <Tiles series={series.data.items} heartbeatSeconds={device.data?.heartbeatSeconds ?? 60} chosen={search.metric} deviceId={deviceId} />
      {chosen.length === 0 ? (
        <Empty title={`This device has never sent “${search.metric}”.`}>
          <Link to="/devices/$deviceId" params={{ deviceId }} search={(before) => ({ ...before, metric: undefined })}>
            Show all its metrics
          </Link>
        </Empty>
      ) : (
        <Charts deviceId={deviceId} kind={device.data?.kind ?? "generic"} siteId={device.data?.siteId} series={chosen} />
      )}
    </>
  );
}

interface ChartsProps {
  readonly deviceId: string;
  readonly kind: string;
  readonly siteId: string | undefined;
  readonly series: readonly Series[];
}

function Charts({ deviceId, kind, siteId, series }: ChartsProps) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const view = useMemo(() => viewOf({ range: search.range, from: search.from, to: search.to }), [search.range, search.from, search.to]);
  const timeZone = search.tz !== undefined && isZone(search.tz) ? search.tz : ownZone();
  const rules = useQuery(useApi().rules(deviceId));
  const now = useNow(stepOf(view));
  const { from, to } = endsOf(view, now);

  const still = useCallback(
    (ends: { from: number; to: number }, replace = false) =>
      void navigate({
        search: (before) => ({ ...before, from: Math.round(ends.from), to: Math.round(ends.to) }),
        replace,
        resetScroll: false,
      }),
    [navigate],
  );
  const step = useCallback(
    (name: ChartStep) => {
      const present = Date.now();
      if (name === "in") still(zoom(view, 0.5, present));
      else if (name === "out") still(zoom(view, 2, present));
      else if (name === "earlier") still(pan(view, -0.5, present), true);
      else if (name === "later") still(pan(view, 0.5, present), true);
      else void navigate({ search: (before) => ({ ...before, from: undefined, to: undefined }), resetScroll: false });
    },
    [still, view, navigate],
  );
  const onZoom = useCallback((start: number, end: number) => still(hold(start, end, Date.now())), [still]);

  return (
    <>
      <ChartToolbar
        deviceId={deviceId}
        metrics={search.metric === undefined ? undefined : [search.metric]}
        view={view}
        timeZone={timeZone}
        onStep={step}
      />
      <div className={styles.charts} data-one={series.length === 1 || undefined}>
        {series.map((one) => (
          <DeviceChart
            key={one.metric}
            deviceId={deviceId}
            series={one}
            view={view}
            about={aboutMetric(kind, one.metric)}
            from={from}
            to={to}
            timeZone={timeZone}
            rules={rules.data?.items ?? []}
            siteId={siteId}
            height={series.length === 1 ? 340 : 190}
            onZoom={onZoom}
            onStep={step}
          />
        ))}
      </div>
    </>
  );
}

interface TilesProps {
  readonly series: readonly Series[];
  readonly heartbeatSeconds: number;
  readonly chosen: string | undefined;
  readonly deviceId: string;
}

/** One tile per metric; choosing one shows its chart alone and large, choosing it again shows all. */
function Tiles({ series, heartbeatSeconds, chosen, deviceId }: TilesProps) {
  return (
    <ul className={styles.tiles} aria-label="Newest values">
      {series.map((one) => (
        <li key={one.metric}>
          <Link
            to="/devices/$deviceId"
            params={{ deviceId }}
            search={(before) => ({ ...before, metric: chosen === one.metric ? undefined : one.metric })}
            resetScroll={false}
            className={styles.tile}
            data-chosen={chosen === one.metric || undefined}
            aria-current={chosen === one.metric ? "true" : undefined}
          >
            {one.latest === undefined ? (
              <span>
                {one.metric} <span className="quiet">no value kept</span>
              </span>
            ) : (
              <Figure latest={{ metric: one.metric, unit: one.unit, ...one.latest }} kind={one.kind} heartbeatSeconds={heartbeatSeconds} />
            )}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function NothingMeasured({ deviceId }: { readonly deviceId: string }) {
  return (
    <Empty title="Nothing measured yet.">
      <p>
        Publish a sample with the device’s credentials to <code>devices/{deviceId}/telemetry</code>, for example{" "}
        <code>{'{"temperature": 21.5}'}</code>. It shows up here within a second. If the device sends and nothing comes, look at what was
        refused.
      </p>
      <Button component={Link} to={`/devices/${deviceId}/refused`} variant="default">
        See what was refused
      </Button>
    </Empty>
  );
}
