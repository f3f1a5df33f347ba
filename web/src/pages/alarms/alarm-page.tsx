import { Button, Menu } from "@mantine/core";
import { clearableKinds, type getAlarm } from "@roost/contract/alarms";
import { isAppError } from "@roost/contract/errors";
import type { RouteReply } from "@roost/contract/route";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";

import { Age, Lasting } from "../../parts/age.tsx";
import { AcknowledgeButton } from "../../parts/alarm-table.tsx";
import { AlarmTags } from "../../parts/alarm-tags.tsx";
import { describeAlarm } from "../../parts/alarm-words.ts";
import { Empty } from "../../parts/empty.tsx";
import { Fault, readFault } from "../../parts/fault.tsx";
import { formatExact, formatPlural } from "../../parts/format.ts";
import { AlarmStateMark, SeverityMark, severityWords } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { SilenceButton } from "../../parts/silence.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";
import { DeliveryList } from "../notifications/delivery-list.tsx";
import { AlarmTicket } from "../tickets/alarm-ticket.tsx";
import { AssignDialog, ClearDialog, CommentDialog, ResolveDialog, SnoozeDialog } from "./act-dialogs.tsx";
import { AlarmChart } from "./alarm-chart.tsx";
import { AlarmIncident } from "./alarm-incident.tsx";
import { AlarmWhy } from "./alarm-why.tsx";
import { History } from "./history.tsx";
import { oneAlarm } from "./questions.ts";
import { useAct, useAlarmCalls } from "./use-acts.ts";

import styles from "./alarm-page.module.css";

const route = getRouteApi("/signed-in/alarms/$alarmId");
type FullAlarm = RouteReply<typeof getAlarm>;

/** One alarm with all that happened to it, people told included. */
export function AlarmPage() {
  const { alarmId } = route.useParams();
  const alarm = useQuery(oneAlarm(useApi().call, alarmId));
  if (alarm.data !== undefined) return <AlarmView key={alarm.data.id} alarm={alarm.data} />;
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

function AlarmView({ alarm }: { readonly alarm: FullAlarm }) {
  const name = `${alarm.deviceName ?? alarm.source}: ${describeAlarm(alarm)}`;
  return (
    <Page title={name} tab={name} actions={<Acts alarm={alarm} />}>
      <Facts alarm={alarm} />
      {alarm.text !== undefined && <p className={styles.text}>{alarm.text}</p>}
      {alarm.metric !== undefined && alarm.deviceId !== undefined && (
        <AlarmChart alarm={alarm} deviceId={alarm.deviceId} metric={alarm.metric} />
      )}
      {(alarm.rootCause !== undefined || alarm.resolution !== undefined) && (
        <Section title="What it was">
          {alarm.rootCause !== undefined && (
            <p>
              <strong>Root cause:</strong> {alarm.rootCause}
            </p>
          )}
          {alarm.resolution !== undefined && (
            <p>
              <strong>Resolution:</strong> {alarm.resolution}
            </p>
          )}
        </Section>
      )}
      <Section title="What happened">
        <History alarm={alarm} />
      </Section>
      {alarm.deviceId !== undefined && alarm.ruleId !== undefined && (
        <AlarmWhy alarm={alarm} deviceId={alarm.deviceId} ruleId={alarm.ruleId} />
      )}
      {alarm.incidentId !== undefined && <AlarmIncident incidentId={alarm.incidentId} alarmId={alarm.id} />}
      <Section title="Who was told" about="Every notice about this alarm with each try and the answer of the other side.">
        <DeliveryList filter={{ alarmId: alarm.id }} />
      </Section>
    </Page>
  );
}

type Asked = "comment" | "snooze" | "assign" | "clear" | "resolve";
const dialogs = { comment: CommentDialog, snooze: SnoozeDialog, assign: AssignDialog, clear: ClearDialog, resolve: ResolveDialog } as const;

/** What can be done now; nothing for those who may not. */
function Acts({ alarm }: { readonly alarm: FullAlarm }) {
  const [asked, setAsked] = useState<Asked>();
  const calls = useAlarmCalls(alarm.id);
  const me = useSession().person.email;
  const act = useAct((what: "unacknowledge" | "unsnooze" | "mine") =>
    what === "mine" ? calls.assign("me") : what === "unsnooze" ? calls.unsnooze() : calls.unacknowledge(),
  );
  if (!useMay("alarms:acknowledge")) return null;
  const isOpen = alarm.state !== "cleared";
  const mayClear = isOpen && (!alarm.holds || alarm.flapping || clearableKinds.has(alarm.kind));
  const Shown = asked === undefined ? undefined : dialogs[asked];
  return (
    <>
      {act.isError && (
        <span role="alert" className={styles.failed}>
          {readFault(act.error).message}
        </span>
      )}
      {alarm.acknowledgedAt === undefined && <AcknowledgeButton alarm={alarm} prominent />}
      <Button variant="default" onClick={() => setAsked("comment")}>
        Comment
      </Button>
      {isOpen && alarm.snoozedUntil === undefined && (
        <Button variant="default" onClick={() => setAsked("snooze")}>
          Put aside
        </Button>
      )}
      {isOpen && alarm.snoozedUntil !== undefined && (
        <Button variant="default" onClick={() => act.mutate("unsnooze")} loading={act.isPending}>
          Take up again
        </Button>
      )}
      {isOpen && alarm.deviceId !== undefined && (
        <SilenceButton deviceId={alarm.deviceId} deviceName={alarm.deviceName ?? alarm.deviceId} kind={alarm.kind} />
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" aria-label="More to do">
            More
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {alarm.assignedTo !== me && <Menu.Item onClick={() => act.mutate("mine")}>Assign to me</Menu.Item>}
          <Menu.Item onClick={() => setAsked("assign")}>Assign …</Menu.Item>
          {alarm.state === "acknowledged" && (
            <Menu.Item onClick={() => act.mutate("unacknowledge")}>Take the acknowledgement back</Menu.Item>
          )}
          <Menu.Item onClick={() => setAsked("resolve")}>Root cause and resolution …</Menu.Item>
          {mayClear && <Menu.Item onClick={() => setAsked("clear")}>Clear by hand …</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {Shown !== undefined && <Shown alarm={alarm} onClose={() => setAsked(undefined)} />}
    </>
  );
}

function Facts({ alarm }: { readonly alarm: FullAlarm }) {
  return (
    <dl className={styles.facts}>
      <div>
        <dt>Severity</dt>
        <dd>
          <SeverityMark severity={alarm.severity} quiet={alarm.state === "cleared"} />
          {alarm.worstSeverity !== alarm.severity && <span className="quiet"> (worst: {severityWords[alarm.worstSeverity]})</span>}
        </dd>
      </div>
      <div>
        <dt>State</dt>
        <dd className={styles.state}>
          <AlarmStateMark state={alarm.state} />
          <AlarmTags alarm={alarm} />
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
      {alarm.occurrences > 1 && (
        <div>
          <dt>Raised again</dt>
          <dd>
            {formatPlural(alarm.occurrences, "time")}, last <Age at={alarm.lastAt} />
          </dd>
        </div>
      )}
      {alarm.acknowledgedBy !== undefined && (
        <div>
          <dt>Acknowledged by</dt>
          <dd>{alarm.acknowledgedBy}</dd>
        </div>
      )}
      {alarm.assignedTo !== undefined && (
        <div>
          <dt>Assigned to</dt>
          <dd>{alarm.assignedTo}</dd>
        </div>
      )}
      <AlarmTicket alarm={alarm} />
      {alarm.snoozedUntil !== undefined && (
        <div>
          <dt>Put aside until</dt>
          <dd>{formatExact(alarm.snoozedUntil)}</dd>
        </div>
      )}
      {alarm.probableCause !== undefined && (
        <div>
          <dt>Probable cause</dt>
          <dd>{alarm.probableCause}</dd>
        </div>
      )}
      {alarm.kind === "service_level" && (
        <div>
          <dt>Service</dt>
          <dd>
            <Link to="/services/$serviceId" params={{ serviceId: alarm.type.split(":").at(-1) ?? "" }}>
              {alarm.source}
            </Link>
          </dd>
        </div>
      )}
      {alarm.deviceId !== undefined && (
        <div>
          <dt>Device</dt>
          <dd>
            <Link to="/devices/$deviceId" params={{ deviceId: alarm.deviceId }}>
              {alarm.deviceName}
            </Link>
            {alarm.siteName !== undefined && <span className="quiet"> at {alarm.siteName}</span>}
          </dd>
        </div>
      )}
    </dl>
  );
}
