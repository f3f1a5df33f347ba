import { Checkbox } from "@mantine/core";
import type { Alarm } from "@roost/contract/alarms";
import { Link } from "@tanstack/react-router";

import { Age, Lasting } from "../../parts/age.tsx";
import { AcknowledgeButton } from "../../parts/alarm-table.tsx";
import { AlarmTags } from "../../parts/alarm-tags.tsx";
import { describeAlarm } from "../../parts/alarm-words.ts";
import { formatClock, formatPlural } from "../../parts/format.ts";
import { LeftIcon, RightIcon } from "../../parts/icons.tsx";
import { AlarmStateMark, SeverityMark } from "../../parts/marks.tsx";
import type { IncidentLine } from "./console-lines.ts";

import styles from "./console.module.css";

interface RowProps {
  readonly alarm: Alarm;
  readonly isAt: boolean;
  readonly isSelected: boolean;
  readonly isGone: boolean;
  readonly isInside: boolean;
  readonly mayAct: boolean;
  readonly onSelect: () => void;
  readonly onCursor: () => void;
}

/** One alarm: how bad, what and where, since when, who, and the one button to press. */
export function AlarmRow({ alarm, isAt, isSelected, isGone, isInside, mayAct, onSelect, onCursor }: RowProps) {
  const what = describeAlarm(alarm);
  const isOver = alarm.state === "cleared" || isGone;
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- the keys of the page do the same
    <div
      className={styles.row}
      data-severity={isOver ? undefined : alarm.severity}
      data-at={isAt || undefined}
      data-selected={isSelected || undefined}
      data-gone={isGone || undefined}
      data-inside={isInside || undefined}
      onClick={onCursor}
    >
      {mayAct ? (
        <Checkbox
          className={styles.check}
          checked={isSelected}
          onChange={onSelect}
          aria-label={`Select: ${alarm.deviceName ?? alarm.source}, ${what}`}
        />
      ) : (
        <span />
      )}
      <span className={styles.severity}>
        <SeverityMark severity={alarm.severity} quiet={isOver} />
      </span>
      <div className={styles.what}>
        <Link to="/alarms/$alarmId" params={{ alarmId: alarm.id }} className={styles.text}>
          <strong>{alarm.deviceName ?? alarm.source}</strong> {what}
        </Link>
        <span className={styles.more}>
          {alarm.siteName !== undefined && <span>{alarm.siteName}</span>}
          {alarm.occurrences > 1 && <span>{formatPlural(alarm.occurrences, "time")}</span>}
          {alarm.assignedTo !== undefined && <span>{alarm.assignedTo}</span>}
          <AlarmTags alarm={alarm} />
        </span>
      </div>
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
      <span className={styles.state}>
        {isGone && alarm.state !== "cleared" ? <span className="quiet">no longer here</span> : <AlarmStateMark state={alarm.state} />}
      </span>
      <div className={styles.act}>{alarm.state === "raised" && <AcknowledgeButton alarm={alarm} />}</div>
    </div>
  );
}

/** What several alarms have in common, above them. */
export function IncidentRow({ line, onFold }: { readonly line: IncidentLine; readonly onFold: () => void }) {
  const { alarms, worst, isFolded } = line;
  const [first] = alarms;
  const open = alarms.filter(({ state }) => state !== "cleared").length;
  return (
    <div className={styles.incident}>
      <button type="button" aria-expanded={!isFolded} onClick={onFold} aria-label={isFolded ? "Unfold the incident" : "Fold the incident"}>
        <span className={styles.fold} data-open={!isFolded || undefined}>
          {isFolded ? <RightIcon size={16} /> : <LeftIcon size={16} />}
        </span>
      </button>
      <SeverityMark severity={worst} quiet={open === 0} />
      <span className={styles.incidentName}>
        Incident{first?.siteName === undefined ? "" : ` at ${first.siteName}`}, since{" "}
        {first === undefined ? "" : formatClock(first.raisedAt)}
      </span>
      <span className="quiet">
        {formatPlural(alarms.length, "alarm")}
        {open > 0 && `, ${open} open`}
      </span>
    </div>
  );
}
