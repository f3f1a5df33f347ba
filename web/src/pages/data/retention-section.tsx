import { Button } from "@mantine/core";
import type { Retention } from "@roost/contract/retention";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { formatPlural } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useNow, useSession } from "../../roost.tsx";
import { retention } from "./questions.ts";
import { ChangeRetention } from "./retention-form.tsx";
import { dateWords, daysBack, kindWords, noneWords, placeOf, spanWords, ticksOf } from "./retention-words.ts";

import styles from "./data.module.css";

/** How long what is kept, as a picture and in words, with a way to change it. */
export function RetentionSection() {
  const { call } = useApi();
  const query = useQuery(retention(call));
  const { isScoped } = useSession();
  // It is about the organisation as a whole.
  const may = useMay("retention:write") && !isScoped;
  const [changing, setChanging] = useState(false);
  return (
    <Section
      title="How long things are kept"
      about="What is older goes by itself, by whole days of UTC, within the hour. Devices, people, rules and alarms stay until somebody removes them."
      actions={
        may &&
        query.data !== undefined && (
          <Button variant="default" onClick={() => setChanging(true)}>
            Change
          </Button>
        )
      }
    >
      {query.data === undefined ? (
        query.isError ? (
          <Fault title="How long things are kept could not be loaded" error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <RowsWaiting label="how long things are kept" rows={5} />
        )
      ) : (
        <>
          {query.isError && <Fault title="What stands below may be old" error={query.error} onRetry={() => void query.refetch()} />}
          <Kept items={query.data.items} />
        </>
      )}
      {changing && query.data !== undefined && <ChangeRetention now={query.data} onClose={() => setChanging(false)} />}
    </Section>
  );
}

function Kept({ items }: { readonly items: Retention["items"] }) {
  const nowMs = useNow(60_000);
  const mostDays = Math.max(...items.map(({ days }) => days));
  const isEmpty = items.every(({ oldestAt }) => oldestAt === undefined);
  return (
    <>
      <ul className={styles.kept}>
        {items.map(({ kind, days, oldestAt }) => (
          <li key={kind} className={styles.kind}>
            <div className={styles.what}>
              <strong>{kindWords[kind].title}</strong>
              <span>{kindWords[kind].about}</span>
            </div>
            <div className={styles.track} aria-hidden="true">
              <div className={styles.span} style={{ width: `${placeOf(days, mostDays)}%` }} />
              {oldestAt !== undefined && (
                <div className={styles.there} style={{ width: `${placeOf(Math.min(days, daysBack(oldestAt, nowMs)), mostDays)}%` }} />
              )}
            </div>
            <div className={styles.howLong}>
              <strong>{spanWords(days)}</strong>
              <span>{oldestAt === undefined ? noneWords(kind) : `there since ${dateWords(oldestAt)}`}</span>
            </div>
          </li>
        ))}
      </ul>
      <div className={styles.scale} aria-hidden="true">
        <div className={styles.ticks}>
          {ticksOf(mostDays).map(({ days, word }) => (
            <span key={word} style={{ left: `${placeOf(days, mostDays)}%` }}>
              {word}
            </span>
          ))}
        </div>
      </div>
      <p className={styles.legend} aria-hidden="true">
        <span className={styles.there} /> there now <span className={styles.span} /> kept as it comes
      </p>
      <p className={styles.after}>
        {isEmpty
          ? "Nothing older than an hour is stored yet: it begins with the first device that sends a value. "
          : "Charts of a time of which only statistics are left are drawn from those; a time without values stays empty. "}
        <AuditWords />
      </p>
    </>
  );
}

/** The audit trail has its own retention, for owners. */
function AuditWords() {
  const { isScoped } = useSession();
  const may = useMay("audit:read") && !isScoped;
  const { data } = useQuery({ ...useApi().auditRetention(), enabled: may });
  if (!may || data === undefined) return null;
  return (
    <>
      The <Link to="/audit">audit trail</Link> is kept for {formatPlural(data.days, "day")}
      {data.archiveDays > 0 && `, and in its archive for ${formatPlural(data.archiveDays, "day")} more`}.
    </>
  );
}
