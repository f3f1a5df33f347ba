import { Button } from "@mantine/core";
import { type Alarm, acknowledgeAlarm } from "@roost/contract/alarms";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { useApi, useMay } from "../roost.tsx";
import { Age, Lasting } from "./age.tsx";
import { describeAlarm } from "./alarm-words.ts";
import { readFault } from "./fault.tsx";
import { formatClock } from "./format.ts";
import { AlarmStateMark, SeverityMark } from "./marks.tsx";

import styles from "./alarm-table.module.css";

/** Alarms as rows: how bad, what and where, since when, and the one button to press. */
export function AlarmTable({ alarms, showDevice = true }: { readonly alarms: readonly Alarm[]; readonly showDevice?: boolean }) {
  return (
    <ul className={styles.table} aria-label="Alarms">
      {alarms.map((alarm) => (
        <li key={alarm.id} className={styles.row} data-severity={alarm.state === "cleared" ? undefined : alarm.severity}>
          <SeverityMark severity={alarm.severity} quiet={alarm.state === "cleared"} />
          <div className={styles.what}>
            {showDevice && alarm.deviceId !== undefined && (
              <Link to="/devices/$deviceId" params={{ deviceId: alarm.deviceId }} className={styles.device}>
                {alarm.deviceName}
              </Link>
            )}
            <Link to="/alarms/$alarmId" params={{ alarmId: alarm.id }} className={styles.text}>
              {describeAlarm(alarm)}
            </Link>
          </div>
          <AlarmTime alarm={alarm} />
          <AlarmStateMark state={alarm.state} />
          <div className={styles.act}>{alarm.state === "raised" && <AcknowledgeButton alarm={alarm} />}</div>
        </li>
      ))}
    </ul>
  );
}

/** How long it has been going on, and from what time; for a cleared one, how long it lasted. */
function AlarmTime({ alarm }: { readonly alarm: Alarm }) {
  return (
    <div className={styles.time}>
      <Age at={alarm.raisedAt} />
      <span className="quiet">
        {alarm.clearedAt === undefined ? (
          <>since {formatClock(alarm.raisedAt)}</>
        ) : (
          <>
            lasted <Lasting from={alarm.raisedAt} to={alarm.clearedAt} />
          </>
        )}
      </span>
    </div>
  );
}

/** Says: somebody looks after it. Nothing for those who may not. */
export function AcknowledgeButton({ alarm, prominent = false }: { readonly alarm: Alarm; readonly prominent?: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const may = useMay("alarms:acknowledge");
  const acknowledge = useMutation({
    mutationFn: () => call(acknowledgeAlarm, { params: { alarmId: alarm.id }, body: {} }),
    onSettled: () =>
      Promise.all([queryClient.invalidateQueries({ queryKey: ["alarms"] }), queryClient.invalidateQueries({ queryKey: ["status"] })]),
  });
  if (!may) return null;
  return (
    <>
      <Button
        variant={prominent ? "filled" : "default"}
        onClick={() => acknowledge.mutate()}
        loading={acknowledge.isPending}
        aria-label={`Acknowledge: ${alarm.deviceName ?? alarm.source}, ${describeAlarm(alarm)}`}
      >
        Acknowledge
      </Button>
      {acknowledge.isError && (
        <span role="alert" className={styles.failed}>
          {readFault(acknowledge.error).message}
        </span>
      )}
    </>
  );
}
