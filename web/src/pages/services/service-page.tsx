import { Button } from "@mantine/core";
import { addressOf } from "@roost/contract/client";
import { isAppError } from "@roost/contract/errors";
import type { RouteReply } from "@roost/contract/route";
import { exportServiceReport, type getService, removeService, type ServiceReport } from "@roost/contract/services";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { formatMinute, formatPlural } from "../../parts/format.ts";
import { DownloadIcon } from "../../parts/icons.tsx";
import { SeverityMark } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting, RowsWaiting } from "../../parts/waiting.tsx";
import { ownZone } from "../../parts/zones.ts";
import { useApi, useMay } from "../../roost.tsx";
import { BudgetMeter, ComplianceMark } from "./compliance-mark.tsx";
import { DayBar } from "./day-bar.tsx";
import { oneService, reportQuery, serviceDays, serviceReport, useServiceAct } from "./questions.ts";
import { ServiceForm } from "./service-form.tsx";
import { breachWords, formatLength, formatPercent } from "./service-words.ts";

import styles from "./services.module.css";

const route = getRouteApi("/signed-in/services/$serviceId");
type ServiceNow = RouteReply<typeof getService>;

/** One service: how its promise stands, day by day, and the report of a period. */
export function ServicePage() {
  const { serviceId } = route.useParams();
  const service = useQuery(oneService(useApi().call, serviceId));
  if (service.data !== undefined) return <ServiceView key={service.data.id} one={service.data} />;
  if (!service.isError) return <PageWaiting />;
  const absent = isAppError(service.error, "service_levels.service_not_found") || isAppError(service.error, "http.invalid");
  return (
    <Page title="Service">
      {absent ? (
        <Empty title="There is no such service.">
          <Link to="/services">See all services</Link>
        </Empty>
      ) : (
        <Fault title="The service could not be loaded" error={service.error} onRetry={() => void service.refetch()} />
      )}
    </Page>
  );
}

function ServiceView({ one }: { readonly one: ServiceNow }) {
  return (
    <Page title={one.name} actions={<Acts one={one} />}>
      <Facts one={one} />
      <Days serviceId={one.id} />
      <Report serviceId={one.id} />
    </Page>
  );
}

function Acts({ one }: { readonly one: ServiceNow }) {
  const { call } = useApi();
  const navigate = useNavigate();
  const [open, setOpen] = useState<"change" | "remove">();
  const remove = useServiceAct(
    () => call(removeService, { params: { serviceId: one.id } }),
    () => void navigate({ to: "/services" }),
  );
  if (!useMay("services:write")) return null;
  return (
    <>
      <Button variant="default" onClick={() => setOpen("change")}>
        Change
      </Button>
      <Button variant="default" onClick={() => setOpen("remove")}>
        Remove
      </Button>
      {open === "change" && <ServiceForm service={one} onClose={() => setOpen(undefined)} />}
      {open === "remove" && (
        <Confirm
          title={`Remove ${one.name}`}
          verb="Remove"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(undefined)}
          onClose={() => setOpen(undefined)}
        >
          <p>The service goes with what was found broken of it, and its alarms end. Devices and their alarms stay.</p>
        </Confirm>
      )}
    </>
  );
}

function Facts({ one }: { readonly one: ServiceNow }) {
  const { standing, customer, serviceLevelName, devices, isDown, since } = one;
  const { state, availabilityPercent, targetPercent, countedSeconds, allowedSeconds, knownSince, unknownSeconds } = standing;
  const used = `${formatLength(countedSeconds)} of ${formatLength(allowedSeconds)}`;
  return (
    <dl className={styles.facts}>
      <div>
        <dt>Promise</dt>
        <dd>
          <ComplianceMark state={state} />
          {isDown && <span className={styles.down}>Down now</span>}
        </dd>
      </div>
      <div>
        <dt>Available</dt>
        <dd>
          <strong>{formatPercent(availabilityPercent, targetPercent) ?? "not known"}</strong>
          <span className="quiet">
            of {targetPercent} %, {serviceLevelName}
          </span>
        </dd>
      </div>
      <div>
        <dt>Down, of what is allowed</dt>
        <dd className={styles.budget}>
          <BudgetMeter usedSeconds={countedSeconds} allowedSeconds={allowedSeconds} words={used} />
          <span>{used}</span>
        </dd>
      </div>
      {customer !== undefined && (
        <div>
          <dt>Customer</dt>
          <dd>{customer}</dd>
        </div>
      )}
      <div>
        <dt>Carried by</dt>
        <dd>{formatPlural(devices, "device")}</dd>
      </div>
      <div>
        <dt>Promised</dt>
        <dd>
          <Age at={since} />
        </dd>
      </div>
      {unknownSeconds > 0 && (
        <div>
          <dt>Not known of the period</dt>
          <dd>
            {formatLength(unknownSeconds)}
            {knownSince !== undefined && <span className="quiet">known since {formatMinute(knownSince)}</span>}
          </dd>
        </div>
      )}
    </dl>
  );
}

function Days({ serviceId }: { readonly serviceId: string }) {
  const [count, setCount] = useState<"30" | "90">("30");
  const days = useQuery(serviceDays(useApi().call, serviceId, Number(count), ownZone()));
  return (
    <Section
      title="Day by day"
      about="Each day by itself. A cell is cut the shorter the worse the day was; dashed days are not known."
      actions={
        <Chips
          label="How many days"
          value={count}
          onChange={setCount}
          choices={[
            { value: "30", label: "30 days" },
            { value: "90", label: "90 days" },
          ]}
        />
      }
    >
      {days.data !== undefined && <DayBar key={days.data.items.length} days={days.data.items} targetPercent={days.data.targetPercent} />}
      {days.data === undefined && days.isError && (
        <Fault title="The days could not be loaded" error={days.error} onRetry={() => void days.refetch()} />
      )}
      {days.data === undefined && !days.isError && <RowsWaiting label="days" rows={1} />}
    </Section>
  );
}

const periods = [
  { value: undefined, label: "Promised" },
  { value: "7", label: "7 d" },
  { value: "30", label: "30 d" },
  { value: "90", label: "90 d" },
] as const;

function Report({ serviceId }: { readonly serviceId: string }) {
  const [period, setPeriod] = useState<"7" | "30" | "90">();
  const days = period === undefined ? undefined : Number(period);
  const report = useQuery(serviceReport(useApi().call, serviceId, days));
  return (
    <Section
      title="Report"
      actions={
        <>
          <Chips label="Period" value={period} onChange={setPeriod} choices={periods} />
          <Button
            component="a"
            href={addressOf(exportServiceReport, { params: { serviceId }, query: reportQuery(days) })}
            download
            variant="default"
            leftSection={<DownloadIcon size={16} />}
            aria-label="Download the report as CSV"
          >
            CSV
          </Button>
        </>
      }
    >
      {report.data !== undefined && <ReportView report={report.data} />}
      {report.data === undefined && report.isError && (
        <Fault title="The report could not be loaded" error={report.error} onRetry={() => void report.refetch()} />
      )}
      {report.data === undefined && !report.isError && <RowsWaiting label="report" rows={3} />}
    </Section>
  );
}

function ReportView({ report }: { readonly report: ServiceReport }) {
  const { standing, creditPercent, lateResponses, lateResolutions, outages, moreOutages, breaches } = report;
  const all = outages.length + moreOutages;
  return (
    <>
      <p className={styles.period}>
        {formatMinute(standing.from)} to {formatMinute(standing.to)}
      </p>
      <dl className={styles.facts}>
        <Fact name="Promise">
          <ComplianceMark state={standing.state} />
        </Fact>
        <Fact name="Available">{formatPercent(standing.availabilityPercent, standing.targetPercent) ?? "not known"}</Fact>
        <Fact name="Down">{formatLength(standing.unplannedSeconds)}</Fact>
        <Fact name="Down as planned">{formatLength(standing.plannedSeconds)}</Fact>
        <Fact name="Allowed">{formatLength(standing.allowedSeconds)}</Fact>
        <Fact name="Answered late">{`${lateResponses} of ${all}`}</Fact>
        <Fact name="Over late">{`${lateResolutions} of ${all}`}</Fact>
        {creditPercent > 0 && <Fact name="Credit">{`${creditPercent} %`}</Fact>}
      </dl>
      {breaches.length > 0 && (
        <>
          <h3 className={styles.part}>Found broken</h3>
          <ul className={styles.breaches}>
            {breaches.map((one) => (
              <li key={one.id}>
                <ComplianceMark state={one.severity} />
                <span>
                  {breachWords[one.type]}:{" "}
                  {one.type === "availability"
                    ? `${formatPercent(one.actual, one.target)} of ${one.target} %`
                    : `${formatLength(one.actual * 60)} of ${formatLength(one.target * 60)}`}
                </span>
                <span className="quiet">
                  found {formatMinute(one.foundAt)}, {one.endedAt === undefined ? "goes on" : `over ${formatMinute(one.endedAt)}`}
                </span>
                {one.alarmId !== undefined && (
                  <Link to="/alarms/$alarmId" params={{ alarmId: one.alarmId }}>
                    Open the alarm
                  </Link>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
      <h3 className={styles.part}>Outages</h3>
      {all === 0 ? <p className="quiet">None in this period.</p> : <Outages report={report} />}
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Outages({ report: { outages, moreOutages } }: { readonly report: ServiceReport }) {
  return (
    <>
      <ul className={styles.outages}>
        {outages.map((one) => (
          <li key={one.alarmId}>
            <SeverityMark severity={one.severity} quiet={one.clearedAt !== undefined} />
            <div className={styles.what}>
              <Link to="/alarms/$alarmId" params={{ alarmId: one.alarmId }}>
                {one.deviceName}: {one.title ?? one.kind.replaceAll("_", " ")}
              </Link>
              <span className={styles.more}>
                {formatMinute(one.raisedAt)} to {one.clearedAt === undefined ? "now" : formatMinute(one.clearedAt)}
              </span>
            </div>
            <div className={styles.figure}>
              <strong>{formatLength(one.unplannedSeconds)}</strong>
              {one.plannedSeconds > 0 && <span className="quiet">and {formatLength(one.plannedSeconds)} as planned</span>}
            </div>
            <div className={styles.times}>
              <Time name="answered" taken={one.response} />
              <Time name="over" taken={one.resolution} />
            </div>
          </li>
        ))}
      </ul>
      {moreOutages > 0 && <p className="quiet">And {formatPlural(moreOutages, "more outage")}, which count as well.</p>}
    </>
  );
}

function Time({ name, taken }: { readonly name: string; readonly taken: ServiceReport["outages"][number]["response"] }) {
  return (
    <span>
      {name} in {formatLength(taken.seconds)} of {formatLength(taken.targetSeconds)}
      {taken.isLate && <span className={styles.down}>late</span>}
    </span>
  );
}
