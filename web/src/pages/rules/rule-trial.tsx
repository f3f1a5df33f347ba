import { Button, Select } from "@mantine/core";
import { type RuleFields, testAlarmRule, type WouldBeAlarm } from "@roost/contract/rules";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatCount, formatMinute, formatNumber, formatPlural, formatSpan } from "../../parts/format.ts";
import { SeverityMark } from "../../parts/marks.tsx";
import { describeRule } from "../../parts/rule-words.ts";
import { useApi } from "../../roost.tsx";

import styles from "./rules.module.css";

const dayMs = 86_400_000;
const ranges = [
  { value: "1", label: "Last 24 hours" },
  { value: "7", label: "Last 7 days" },
  { value: "30", label: "Last 30 days" },
  { value: "90", label: "Last 90 days" },
];
const shownRows = 100;
const shownDevices = 12;

interface Result {
  readonly from: Date;
  readonly to: Date;
  readonly alarms: readonly WouldBeAlarm[];
  readonly count: number;
  readonly devicesDone: number;
  readonly devicesTotal: number;
  readonly valuesRead: number;
  readonly done: boolean;
}

/** Tries a rule on what is stored: which alarms it would have raised, on a line of time and as a list. */
export function RuleTrial({ fields, onClose }: { readonly fields: RuleFields; readonly onClose: () => void }) {
  const { call } = useApi();
  const [days, setDays] = useState("7");
  const [result, setResult] = useState<Result>();
  const run = useMutation({
    mutationFn: async () => {
      const to = new Date();
      const from = new Date(to.getTime() - Number(days) * dayMs);
      const { scope, condition, severity, overrides } = fields;
      let so: Result = { from, to, alarms: [], count: 0, devicesDone: 0, devicesTotal: 0, valuesRead: 0, done: false };
      let cursor: string | undefined;
      do {
        const body = { rule: { scope, condition, severity, overrides }, from: from.toISOString(), to: to.toISOString() };
        const part = await call(testAlarmRule, { body: cursor === undefined ? body : { ...body, cursor } });
        cursor = part.next;
        so = {
          ...so,
          ...part,
          alarms: [...so.alarms, ...part.alarms],
          count: so.count + part.count,
          valuesRead: so.valuesRead + part.valuesRead,
          done: cursor === undefined,
        };
        setResult(so);
      } while (cursor !== undefined);
    },
  });
  return (
    <Dialog title="Try the rule on the past" onClose={onClose}>
      <p>
        <strong>{describeRule(fields.condition)}</strong>
      </p>
      <div className={styles.pair}>
        <Select
          label="Range"
          data={ranges}
          value={days}
          allowDeselect={false}
          onChange={(value) => setDays(value ?? "7")}
          comboboxProps={{ withinPortal: false }}
        />
      </div>
      {run.isError && <Fault error={run.error} />}
      <div aria-live="polite" className={styles.trial}>
        {result !== undefined && <Verdict result={result} />}
      </div>
      {result !== undefined && result.alarms.length > 0 && (
        <>
          <Timeline result={result} />
          <AlarmRows alarms={result.alarms} to={result.to} />
        </>
      )}
      <FormEnd>
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
        <Button loading={run.isPending} onClick={() => run.mutate()}>
          {result === undefined ? "Try" : "Try again"}
        </Button>
      </FormEnd>
    </Dialog>
  );
}

function Verdict({ result: { count, devicesDone, devicesTotal, valuesRead, done } }: { readonly result: Result }) {
  return (
    <p>
      <strong className={styles.verdict}>
        {count === 0 ? "Would have raised no alarm" : `Would have raised ${formatPlural(count, "alarm")}`}
      </strong>{" "}
      <span className="quiet">
        {done ? `on ${formatPlural(devicesDone, "device")}` : `so far, on ${devicesDone} of ${formatPlural(devicesTotal, "device")}`};{" "}
        {formatCount(valuesRead)} values read
      </span>
    </p>
  );
}

/** One line of time for each device, with a bar for each alarm. */
function Timeline({ result: { from, to, alarms } }: { readonly result: Result }) {
  const names = new Map(alarms.map(({ deviceId, deviceName }) => [deviceId, deviceName]));
  const devices = [...names].slice(0, shownDevices);
  const length = to.getTime() - from.getTime();
  const place = (at: Date) => Math.min(100, Math.max(0, ((at.getTime() - from.getTime()) / length) * 100));
  return (
    <figure className={styles.timeline} aria-label="When the alarms would have been">
      {devices.map(([deviceId, name]) => (
        <div key={deviceId} className={styles.lane}>
          <span className={styles.laneName}>{name}</span>
          <svg className={styles.laneBars} viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <line x1="0" y1="5" x2="100" y2="5" className={styles.laneLine} />
            {alarms
              .filter((alarm) => alarm.deviceId === deviceId)
              .map((alarm) => {
                const start = place(alarm.from);
                const key = `${alarm.kind} ${alarm.from.getTime()}`;
                return (
                  <rect
                    key={key}
                    x={start}
                    y="1"
                    width={Math.max(0.4, place(alarm.to ?? to) - start)}
                    height="8"
                    data-severity={alarm.severity}
                    className={styles.bar}
                  />
                );
              })}
          </svg>
        </div>
      ))}
      <figcaption className={styles.axis}>
        <span>{formatMinute(from)}</span>
        <span>{formatMinute(to)}</span>
      </figcaption>
      {names.size > shownDevices && <p className="quiet">{names.size - shownDevices} more devices are in the list.</p>}
    </figure>
  );
}

function AlarmRows({ alarms, to }: { readonly alarms: readonly WouldBeAlarm[]; readonly to: Date }) {
  const rows = alarms.toSorted((one, other) => other.from.getTime() - one.from.getTime());
  return (
    // Reachable by keyboard, since it scrolls.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.scroll} tabIndex={0}>
      <ul className={styles.wouldBe}>
        {rows.slice(0, shownRows).map((alarm) => (
          <li key={`${alarm.deviceId} ${alarm.kind} ${alarm.from.getTime()}`}>
            <SeverityMark severity={alarm.severity} />
            <span>
              <Link to="/devices/$deviceId" params={{ deviceId: alarm.deviceId }}>
                {alarm.deviceName}
              </Link>{" "}
              {formatMinute(alarm.from)},{" "}
              {alarm.to === undefined ? "still open" : formatSpan((alarm.to ?? to).getTime() - alarm.from.getTime())}
              {alarm.value !== undefined && (
                <span className="quiet">
                  {" "}
                  · {formatNumber(alarm.value)}
                  {alarm.threshold !== undefined && ` (limit ${formatNumber(alarm.threshold)})`}
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
      {rows.length > shownRows && <p className="quiet">The newest {shownRows} are shown; `roost rule test` lists all.</p>}
    </div>
  );
}
