import type { RouteReply } from "@roost/contract/route";
import type { getStatus } from "@roost/contract/system";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Age } from "../../parts/age.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatBytes, formatCount, formatNumber, formatPlural } from "../../parts/format.ts";
import { Page, Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./status-page.module.css";

/** The installation at a glance: can readings get through, how many come, how much is kept. */
export function StatusPage() {
  const api = useApi();
  const status = useQuery(api.status());
  return (
    <Page title="Status">
      <Readiness />
      <Section title="Installation">
        {status.data === undefined && !status.isError && <Bone height={176} />}
        {status.data === undefined && status.isError && <Fault error={status.error} onRetry={() => void status.refetch()} />}
        {status.data !== undefined && <Figures status={status.data} />}
      </Section>
      <Section title="Certificate authority" about="Devices trust this and nothing else. The claim hands it out as well.">
        <div className={styles.ca}>
          <a href="/api/v1/ca.pem" download="roost-ca.pem">
            Download roost-ca.pem
          </a>
          <CopyBox what="In a shell" text={`curl -fsS '${window.location.origin}/api/v1/ca.pem' -o roost-ca.pem`} />
        </div>
      </Section>
    </Page>
  );
}

/** The same checks as `/ready`, with their reasons. */
function Readiness() {
  const ready = useQuery(useApi().ready());
  if (ready.data === undefined)
    return ready.isError ? (
      <Fault title="Readiness could not be asked" error={ready.error} onRetry={() => void ready.refetch()} />
    ) : (
      <Bone height={140} />
    );
  return (
    <Section
      title={ready.data.ready ? "Ready" : "Not ready"}
      about={
        ready.data.ready
          ? "A canary reading went through the whole way within the last minute."
          : "Readings may not get through. The reasons stand below."
      }
    >
      <ul className={styles.checks}>
        {ready.data.checks.map((check) => (
          <li key={check.name} data-ok={check.ok}>
            <strong>
              {check.ok ? "✓" : "✕"} {check.name.replaceAll("_", " ")}
            </strong>
            <span>{check.reason ?? (check.ok ? "In order" : "Failed, without a reason")}</span>
            <span className="quiet">{check.checkedAt === undefined ? "" : <Age at={check.checkedAt} />}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Figures({ status }: { readonly status: RouteReply<typeof getStatus> }) {
  const { devices, ingest } = status;
  const figures = [
    { word: "Version", value: status.version },
    { word: "Started", value: <Age at={status.startedAt} /> },
    {
      word: "Devices online",
      value: `${formatCount(devices.online)} of ${formatCount(devices.online + devices.offline + devices.waiting + devices.revoked)}`,
    },
    {
      word: "Open alarms",
      value: (
        <Link to="/alarms" search={{}}>
          {formatCount(status.openAlarms)}
        </Link>
      ),
    },
    { word: "MQTT connections", value: formatCount(status.connections) },
    { word: "Messages per second", value: formatNumber(status.ingest.messagesPerSecond) },
    { word: "Values stored", value: formatCount(ingest.storedValues), note: "since the start" },
    { word: "Duplicates passed over", value: formatCount(ingest.duplicateValues), note: "since the start" },
    {
      word: "Refused",
      value: (
        <Link to="/refused" search={{}}>
          {formatPlural(ingest.rejected, "message")}
        </Link>
      ),
      note: "since the start",
    },
    { word: "Database", value: formatBytes(status.databaseBytes) },
  ];
  return (
    <dl className={styles.figures}>
      {figures.map(({ word, value, note }) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd>
            {value}
            {note !== undefined && <span className={styles.note}> {note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
