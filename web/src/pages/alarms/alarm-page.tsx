import type { alarmEntry, getAlarm } from "@roost/contract/alarms";
import { isAppError } from "@roost/contract/errors";
import type { RouteReply } from "@roost/contract/route";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { z } from "zod";

import { Age, Lasting } from "../../parts/age.tsx";
import { AcknowledgeButton } from "../../parts/alarm-table.tsx";
import { describeAlarm } from "../../parts/alarm-words.ts";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatExact, formatValue } from "../../parts/format.ts";
import { AlarmStateMark, SeverityMark } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { SilenceButton } from "../../parts/silence.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { DeliveryList } from "../notifications/delivery-list.tsx";

import styles from "./alarm-page.module.css";

const route = getRouteApi("/signed-in/alarms/$alarmId");

/** One alarm with all that happened to it, people told included. */
export function AlarmPage() {
  const { alarmId } = route.useParams();
  const alarm = useQuery(useApi().alarm(alarmId));
  if (alarm.data !== undefined) return <AlarmView alarm={alarm.data} />;
  if (!alarm.isError) return <PageWaiting />;
  const absent = isAppError(alarm.error, "alarms.not_found") || isAppError(alarm.error, "http.invalid");
  return (
    <Page title="Alarm">
      {absent ? (
        <Empty title="There is no such alarm.">
          <Link to="/alarms" search={{ state: "all" }}>
            See all alarms
          </Link>
        </Empty>
      ) : (
        <Fault title="The alarm could not be loaded" error={alarm.error} onRetry={() => void alarm.refetch()} />
      )}
    </Page>
  );
}

function AlarmView({ alarm }: { readonly alarm: RouteReply<typeof getAlarm> }) {
  const around = { from: alarm.raisedAt.getTime() - 1_800_000, to: (alarm.clearedAt?.getTime() ?? alarm.raisedAt.getTime()) + 1_800_000 };
  return (
    <Page
      title={
        <>
          {alarm.deviceName}: {describeAlarm(alarm)}
        </>
      }
      tab={`${alarm.deviceName}: ${describeAlarm(alarm)}`}
      actions={
        <>
          {alarm.state === "raised" && <AcknowledgeButton alarm={alarm} prominent />}
          {alarm.state !== "cleared" && alarm.deviceId !== undefined && (
            <SilenceButton deviceId={alarm.deviceId} deviceName={alarm.deviceName ?? alarm.deviceId} kind={alarm.kind} />
          )}
        </>
      }
    >
      <dl className={styles.facts}>
        <div>
          <dt>Severity</dt>
          <dd>
            <SeverityMark severity={alarm.severity} quiet={alarm.state === "cleared"} />
          </dd>
        </div>
        <div>
          <dt>State</dt>
          <dd>
            <AlarmStateMark state={alarm.state} />
          </dd>
        </div>
        <div>
          <dt>Raised</dt>
          <dd>
            <Age at={alarm.raisedAt} /> <span className="quiet">{formatExact(alarm.raisedAt)}</span>
          </dd>
        </div>
        <div>
          <dt>{alarm.clearedAt === undefined ? "Lasting" : "Lasted"}</dt>
          <dd>
            <Lasting from={alarm.raisedAt} to={alarm.clearedAt} />
          </dd>
        </div>
        {alarm.acknowledgedBy !== undefined && (
          <div>
            <dt>Looked after by</dt>
            <dd>{alarm.acknowledgedBy}</dd>
          </div>
        )}
        {alarm.deviceId !== undefined && (
          <div>
            <dt>Device</dt>
            <dd>
              <Link to="/devices/$deviceId" params={{ deviceId: alarm.deviceId }}>
                {alarm.deviceName}
              </Link>
            </dd>
          </div>
        )}
      </dl>
      {alarm.metric !== undefined && alarm.deviceId !== undefined && (
        <p>
          <Link to="/devices/$deviceId" params={{ deviceId: alarm.deviceId }} search={{ metric: alarm.metric, ...around }}>
            See the measurements around it
          </Link>
        </p>
      )}
      <Section title="What happened">
        <ol className={styles.history}>
          {alarm.history.map((entry, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a record only grows at its end
            <li key={index} className={styles.entry}>
              <span className={styles.at} title={formatExact(entry.at)}>
                <Age at={entry.at} />
              </span>
              <span>
                <strong>{entryWords[entry.what]}</strong>
                {describeEntry(entry, alarm.unit)}
              </span>
            </li>
          ))}
        </ol>
      </Section>
      <Section title="Who was told" about="Every notice about this alarm with each try and the answer of the other side.">
        <DeliveryList filter={{ alarmId: alarm.id }} />
      </Section>
    </Page>
  );
}

type Entry = z.output<typeof alarmEntry>;

const entryWords: Readonly<Record<Entry["what"], string>> = {
  raised: "Raised",
  repeated: "Again",
  worse: "Worse",
  flapping: "Flapping",
  muted: "Muted",
  unmuted: "No longer muted",
  acknowledged: "Acknowledged",
  unacknowledged: "No longer acknowledged",
  assigned: "Assigned",
  commented: "Comment",
  snoozed: "Put aside",
  cleared: "Cleared",
  resolved: "Resolved",
  notified: "Told",
  notify_failed: "Could not tell",
};

function describeEntry(entry: Entry, unit: RouteReply<typeof getAlarm>["unit"]): string {
  const parts = [
    entry.value === undefined ? "" : ` at ${formatValue(entry.value, unit ?? "1")}`,
    entry.by === undefined ? "" : entry.what === "notified" || entry.what === "notify_failed" ? ` ${entry.by}` : ` by ${entry.by}`,
    entry.detail === undefined ? "" : `: ${entry.detail}`,
  ];
  return parts.join("");
}
