import { Button } from "@mantine/core";
import type { RouteReply } from "@roost/contract/route";
import { removeServiceLevel, type ServiceLevel } from "@roost/contract/service-levels";
import type { listServices } from "@roost/contract/services";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Filters, SearchField } from "../../parts/filters.tsx";
import { formatPlural } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { List } from "../../parts/list.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { BudgetMeter, ComplianceMark } from "./compliance-mark.tsx";
import { LevelForm } from "./level-form.tsx";
import { serviceLevels, serviceList, serviceSummary, useServiceAct } from "./questions.ts";
import { ServiceForm } from "./service-form.tsx";
import { breachWords, formatLength, formatPercent } from "./service-words.ts";

import styles from "./services.module.css";

const route = getRouteApi("/signed-in/services");
type ServiceNow = RouteReply<typeof listServices>["items"][number];

/** What is promised of services, and whether it is kept. */
export function ServicesPage() {
  const { call } = useApi();
  const { q } = route.useSearch();
  const navigate = route.useNavigate();
  const find = useCallback(
    (text: string) => void navigate({ search: { q: text === "" ? undefined : text }, replace: true, resetScroll: false }),
    [navigate],
  );
  const may = useMay("services:write");
  const list = useInfiniteQuery(serviceList(call, q));
  const levels = useQuery(serviceLevels(call));
  const [adding, setAdding] = useState(false);
  const mayAdd = may && (levels.data?.items.length ?? 0) > 0;
  const add = mayAdd && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Add service
    </Button>
  );
  const isEmpty = q === undefined && list.data?.pages[0]?.items.length === 0;
  return (
    <Page title="Services" actions={!isEmpty && add}>
      {!isEmpty && <Summary />}
      {!isEmpty && (
        <Filters>
          <SearchField label="Find a service or customer" value={q ?? ""} onChange={find} />
        </Filters>
      )}
      <List
        query={list}
        noun="services"
        rowHeight={64}
        empty={
          <Empty title={q === undefined ? "No services yet." : "No service is like this."}>
            {q === undefined && (
              <>
                <p>
                  A service is what you promised somebody: which devices carry it, which alarms are an outage, and how much of the time it
                  has to be there. Roost works out from its alarms whether the promise is kept.
                </p>
                {add === false ? <p>{may ? "First say below what is promised." : "Somebody who may change services adds them."}</p> : add}
              </>
            )}
          </Empty>
        }
      >
        {(items) => (
          <ul className={styles.list}>
            {items.map((one) => (
              <ServiceRow key={one.id} one={one} />
            ))}
          </ul>
        )}
      </List>
      <Levels may={may} />
      {adding && <ServiceForm onClose={() => setAdding(false)} />}
    </Page>
  );
}

function Summary() {
  const summary = useQuery(serviceSummary(useApi().call, 30));
  if (summary.data === undefined) return summary.isError ? <Fault title="The roll-up could not be loaded" error={summary.error} /> : null;
  const { services, down, breaches, unplannedSeconds, availabilityPercent } = summary.data;
  const broken = Object.entries(breaches).filter(([, n]) => n > 0);
  return (
    <dl className={styles.summary} aria-label="The last 30 days">
      <div>
        <dt>Down now</dt>
        <dd data-bad={down > 0 || undefined}>{down}</dd>
      </div>
      <div>
        <dt>Kept</dt>
        <dd>{services.compliant}</dd>
      </div>
      <div>
        <dt>At risk</dt>
        <dd>{services.at_risk}</dd>
      </div>
      <div>
        <dt>Broken</dt>
        <dd data-bad={services.breached + services.critical > 0 || undefined}>{services.breached + services.critical}</dd>
      </div>
      <div>
        <dt>Available, 30 days</dt>
        <dd>{formatPercent(availabilityPercent, 0) ?? "not known"}</dd>
      </div>
      <div>
        <dt>Down, all together</dt>
        <dd>{formatLength(unplannedSeconds)}</dd>
      </div>
      <div>
        <dt>Found broken</dt>
        <dd className={styles.words}>
          {broken.length === 0
            ? "nothing"
            : broken.map(([type, n]) => `${breachWords[type as keyof typeof breachWords].toLowerCase()} ${n}×`).join(", ")}
        </dd>
      </div>
    </dl>
  );
}

function ServiceRow({ one }: { readonly one: ServiceNow }) {
  const { id, name, customer, serviceLevelName, isDown, devices, standing } = one;
  const { state, availabilityPercent, targetPercent, countedSeconds, allowedSeconds } = standing;
  const used = `${formatLength(countedSeconds)} of ${formatLength(allowedSeconds)} used`;
  return (
    <li className={styles.service}>
      <ComplianceMark state={state} />
      <div className={styles.what}>
        <Link to="/services/$serviceId" params={{ serviceId: id }}>
          {name}
        </Link>
        <span className={styles.more}>
          {isDown && <span className={styles.down}>Down now</span>}
          {customer !== undefined && <span>{customer}</span>}
          <span>{serviceLevelName}</span>
          <span>{formatPlural(devices, "device")}</span>
        </span>
      </div>
      <div className={styles.figure}>
        <strong>{formatPercent(availabilityPercent, targetPercent) ?? "–"}</strong>
        <span className="quiet">of {targetPercent} %</span>
      </div>
      <div className={styles.budget}>
        <BudgetMeter usedSeconds={countedSeconds} allowedSeconds={allowedSeconds} words={used} />
        <span className="quiet">{used}</span>
      </div>
    </li>
  );
}

function Levels({ may }: { readonly may: boolean }) {
  const levels = useQuery(serviceLevels(useApi().call));
  const [adding, setAdding] = useState(false);
  const add = may && (
    <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Add level
    </Button>
  );
  return (
    <Section
      title="Service levels"
      about="What is promised: how much of the time something is there, and how soon an outage is answered and over."
      actions={(levels.data?.items.length ?? 0) > 0 && add}
    >
      <RowsOf
        query={levels}
        noun="service levels"
        items={({ items }) => items}
        empty={
          <Empty title="Nothing is promised yet.">
            <p>For example: there for 99.9 % of 30 days, critical outages answered within 15 minutes and over within 4 hours.</p>
            {add}
          </Empty>
        }
      >
        {(level) => <LevelRow key={level.id} level={level} may={may} />}
      </RowsOf>
      {adding && <LevelForm onClose={() => setAdding(false)} />}
    </Section>
  );
}

function LevelRow({ level, may }: { readonly level: ServiceLevel; readonly may: boolean }) {
  const { call } = useApi();
  const [open, setOpen] = useState<"change" | "remove">();
  const { id, name, serviceType, availabilityPercent, periodDays, services, businessHours, excludeMaintenance } = level;
  const remove = useServiceAct(
    () => call(removeServiceLevel, { params: { serviceLevelId: id } }),
    () => setOpen(undefined),
  );
  const words = [
    ...(serviceType === undefined ? [] : [serviceType]),
    `${availabilityPercent} % of ${formatPlural(periodDays, "day")}`,
    ...(businessHours === undefined ? [] : [`times in hours of business, ${businessHours.timeZone}`]),
    ...(excludeMaintenance ? [] : ["maintenance counts"]),
    services === 0 ? "promised of no service" : `promised of ${formatPlural(services, "service")}`,
  ];
  return (
    <>
      <Row
        what={name}
        about={words.join(" · ")}
        actions={
          may && (
            <>
              <Button variant="default" size="compact-sm" onClick={() => setOpen("change")}>
                Change
              </Button>
              <Button variant="subtle" size="compact-sm" onClick={() => setOpen("remove")} disabled={services > 0}>
                Remove
              </Button>
            </>
          )
        }
      />
      {open === "change" && <LevelForm level={level} onClose={() => setOpen(undefined)} />}
      {open === "remove" && (
        <Confirm
          title={`Remove ${name}`}
          verb="Remove"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(undefined)}
          onClose={() => setOpen(undefined)}
        >
          <p>Nothing will be promised by it any more.</p>
        </Confirm>
      )}
    </>
  );
}
