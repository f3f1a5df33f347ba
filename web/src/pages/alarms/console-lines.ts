import { type Alarm, severities, type Severity } from "@roost/contract/alarms";

interface AlarmLine {
  readonly kind: "alarm";
  readonly id: string;
  readonly alarm: Alarm;
  /** It stands below its incident. */
  readonly isInside: boolean;
}
export interface IncidentLine {
  readonly kind: "incident";
  readonly id: string;
  readonly alarms: readonly Alarm[];
  readonly worst: Severity;
  readonly isFolded: boolean;
}
export type ConsoleLine = AlarmLine | IncidentLine;

/** The rows of the console: alarms as they come, or those of one incident together where its first one stands. One alone needs no heading. */
export function linesOf(alarms: readonly Alarm[], byIncident: boolean, folded: ReadonlySet<string>): ConsoleLine[] {
  if (!byIncident) return alarms.map((alarm) => lineOf(alarm, false));
  const groups = Map.groupBy(alarms, ({ incidentId, id }) => incidentId ?? id);
  return [...groups].flatMap(([id, inside]): ConsoleLine[] => {
    const [only] = inside;
    if (only === undefined || inside.length === 1) return inside.map((alarm) => lineOf(alarm, false));
    const worst = inside.reduce<Severity>(
      (most, { severity }) => (severities.indexOf(severity) > severities.indexOf(most) ? severity : most),
      "info",
    );
    const isFolded = folded.has(id);
    return [{ kind: "incident", id, alarms: inside, worst, isFolded }, ...(isFolded ? [] : inside.map((alarm) => lineOf(alarm, true)))];
  });
}

function lineOf(alarm: Alarm, isInside: boolean): AlarmLine {
  return { kind: "alarm", id: alarm.id, alarm, isInside };
}
