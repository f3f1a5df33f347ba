import type { Alarm } from "@roost/contract/alarms";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import type { Limit } from "../../parts/chart-data.ts";
import { Chart } from "../../parts/chart.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMetric } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi, useNow } from "../../roost.tsx";

import styles from "./alarm-page.module.css";

const aroundMs = 1_800_000;
const height = 220;
const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The measurements around the alarm, with the limit it crossed. */
export function AlarmChart({ alarm, deviceId, metric }: { readonly alarm: Alarm; readonly deviceId: string; readonly metric: string }) {
  const api = useApi();
  const now = useNow(60_000);
  const raised = alarm.raisedAt.getTime();
  const whole = useMemo(
    () => ({ from: raised - aroundMs, to: Math.min(Math.max((alarm.clearedAt?.getTime() ?? now) + aroundMs, raised + aroundMs), now) }),
    [raised, alarm.clearedAt, now],
  );
  const [zoomed, setZoomed] = useState<{ from: number; to: number }>();
  const { from, to } = zoomed ?? whole;
  const series = useQuery(api.series(deviceId));
  const kind = series.data?.items.find((one) => one.metric === metric)?.kind;
  const query = useQuery({
    ...api.telemetry({ deviceId, metric, view: { range: "1h", still: { from, to } }, maxPoints: 600, timeZone }),
    enabled: kind !== undefined,
  });
  const limits = useMemo((): Limit[] => {
    const side = alarm.kind === "below" ? "below" : "above";
    return alarm.threshold === undefined ? [] : [{ value: alarm.threshold, side, severity: alarm.severity }];
  }, [alarm.threshold, alarm.kind, alarm.severity]);
  const span = to - from;
  return (
    <Section
      title={formatMetric(metric)}
      actions={
        <Link to="/devices/$deviceId" params={{ deviceId }} search={{ metric, from: Math.round(from), to: Math.round(to) }}>
          Open in the charts
        </Link>
      }
    >
      <div className={styles.plot} style={{ minHeight: height }}>
        {query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
        {series.isError && <Fault error={series.error} onRetry={() => void series.refetch()} />}
        {query.data === undefined && !query.isError && kind === undefined && series.data !== undefined && (
          <p className="quiet">Nothing of this metric is stored.</p>
        )}
        {query.data === undefined && !query.isError && (kind !== undefined || series.isPending) && <Bone height={height} />}
        {query.data !== undefined && kind !== undefined && (
          <Chart
            points={query.data}
            kind={kind}
            limits={limits}
            from={from}
            to={to}
            timeZone={timeZone}
            height={height}
            onZoom={(start, end) => setZoomed({ from: start, to: end })}
            onStep={(step) => {
              if (step === "reset") setZoomed(undefined);
              else if (step === "in") setZoomed({ from: from + span / 4, to: to - span / 4 });
              else if (step === "out") setZoomed({ from: from - span / 2, to: to + span / 2 });
              else
                setZoomed({ from: from + (step === "later" ? span / 2 : -span / 2), to: to + (step === "later" ? span / 2 : -span / 2) });
            }}
            onPoint={() => undefined}
          />
        )}
      </div>
    </Section>
  );
}
