import { Button, Textarea } from "@mantine/core";
import { commentOnIncident } from "@roost/contract/incidents";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { describeAlarm } from "../../parts/alarm-words.ts";
import { Fault } from "../../parts/fault.tsx";
import { formatExact, formatPlural } from "../../parts/format.ts";
import { AlarmStateMark, SeverityShape, severityWords } from "../../parts/marks.tsx";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { oneIncident } from "./questions.ts";
import { useAct } from "./use-acts.ts";

import styles from "./alarm-page.module.css";

const shownAtOnce = 8;

/** What the alarm has in common with others, and the one conversation about them. */
export function AlarmIncident({ incidentId, alarmId }: { readonly incidentId: string; readonly alarmId: string }) {
  const incident = useQuery(oneIncident(useApi().call, incidentId));
  const [all, setAll] = useState(false);
  if (incident.data === undefined) {
    return (
      <Section title="Incident">
        {incident.isError ? (
          <Fault title="The incident could not be loaded" error={incident.error} onRetry={() => void incident.refetch()} />
        ) : (
          <Bone height={120} />
        )}
      </Section>
    );
  }
  const { title, items, alarms, openAlarms, rootAlarmId, conversation } = incident.data;
  const others = items.filter(({ id }) => id !== alarmId);
  const shown = all ? others : others.slice(0, shownAtOnce);
  return (
    <Section title="Incident" about={`${title}: ${formatPlural(alarms, "alarm")}, ${openAlarms} open.`}>
      {others.length > 0 && (
        <ul className={styles.others}>
          {shown.map((one) => (
            <li key={one.id}>
              <SeverityShape severity={one.severity} />
              <Link to="/alarms/$alarmId" params={{ alarmId: one.id }} aria-label={`${severityWords[one.severity]}: ${describeAlarm(one)}`}>
                <strong>{one.deviceName ?? one.source}</strong> {describeAlarm(one)}
              </Link>
              {one.id === rootAlarmId && <span className={styles.root}>Root cause</span>}
              <AlarmStateMark state={one.state} />
            </li>
          ))}
        </ul>
      )}
      <div className={styles.row}>
        {others.length > shownAtOnce && !all && (
          <Button variant="default" onClick={() => setAll(true)}>
            Show all {others.length}
          </Button>
        )}
        {others.length > 0 && (
          <Link to="/alarms" search={{ state: "all", incident: incidentId }}>
            See them in the list
          </Link>
        )}
      </div>
      <h3 className={styles.talk}>Conversation</h3>
      {conversation.length === 0 && <p className="quiet">Nobody has written anything yet.</p>}
      <ol className={styles.history}>
        {conversation.map((entry, index) => (
          // oxlint-disable-next-line react/no-array-index-key -- a record only grows at its end
          <li key={index} className={styles.entry}>
            <span className={styles.at} title={formatExact(entry.at)}>
              <Age at={entry.at} />
            </span>
            <span>
              <strong>{entry.by}</strong> {entry.what === "commented" ? "" : `${entry.what} `}
              {entry.detail}
            </span>
          </li>
        ))}
      </ol>
      <Say incidentId={incidentId} />
    </Section>
  );
}

function Say({ incidentId }: { readonly incidentId: string }) {
  const { call } = useApi();
  const [text, setText] = useState("");
  const act = useAct(
    () => call(commentOnIncident, { params: { incidentId }, body: { text: text.trim() } }),
    () => setText(""),
  );
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (text.trim() !== "") act.mutate(undefined);
  };
  if (!useMay("alarms:acknowledge")) return null;
  return (
    <form className={styles.say} onSubmit={submit}>
      <Textarea
        aria-label="Write to everybody who works on this incident"
        placeholder="Write to everybody who works on this incident"
        autosize
        minRows={1}
        maxLength={2_000}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" disabled={text.trim() === ""} loading={act.isPending}>
        Send
      </Button>
      {act.isError && <Fault error={act.error} />}
    </form>
  );
}
