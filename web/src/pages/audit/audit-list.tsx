import type { AuditRecord } from "@roost/contract/audit";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { formatCount, formatExact } from "../../parts/format.ts";
import { List } from "../../parts/list.tsx";
import { useApi } from "../../roost.tsx";
import type { AuditQuery } from "./audit-search.ts";
import { actionWords, changesOf, objectWords } from "./audit-words.ts";

import styles from "./audit-list.module.css";

interface AuditListProps {
  readonly ofPlatform: boolean;
  readonly filter: AuditQuery;
  readonly onActor: (actor: string) => void;
  readonly onObject: (kind: string, id: string) => void;
}

/** Entries under a filter, newest first; each opens to show what was before and after, and where it came from. */
export function AuditList({ ofPlatform, filter, onActor, onObject }: AuditListProps) {
  const query = useInfiniteQuery(useApi().audit(ofPlatform, filter));
  return (
    <List query={query} noun="entries" empty={<Nothing isFiltered={Object.keys(filter).length > 0} hasMore={query.hasNextPage} />}>
      {(entries) => (
        <ul className={styles.list} aria-label="Entries of the audit trail">
          {entries.map((one) => (
            <Entry key={one.id} entry={one} onActor={onActor} onObject={onObject} />
          ))}
        </ul>
      )}
    </List>
  );
}

function Nothing({ isFiltered, hasMore }: { readonly isFiltered: boolean; readonly hasMore: boolean }) {
  if (hasMore) return <Empty title="Nothing found among the newest entries. Older ones are still to be searched." />;
  if (isFiltered) return <Empty title="Nothing is on record under this filter." />;
  return (
    <Empty title="Nothing is on record yet.">
      <p>Whatever people, tokens and Roost itself change from here on stands here, with what was before and after.</p>
    </Empty>
  );
}

function Entry({ entry, onActor, onObject }: { readonly entry: AuditRecord } & Pick<AuditListProps, "onActor" | "onObject">) {
  const changes = changesOf(entry);
  const { actor, object } = entry;
  return (
    <li className={styles.row} data-outcome={entry.outcome}>
      <details>
        <summary className={styles.summary}>
          <span className={styles.what} title={entry.action}>
            {actionWords(entry.action)}
            {entry.outcome === "refused" && <span className={styles.refused}>Refused</span>}
          </span>
          <span className={styles.object}>{objectWords(object)}</span>
          <span className={styles.who}>{actor.name}</span>
          <span className={styles.when}>
            <Age at={entry.at} />
          </span>
        </summary>
        <div className={styles.body}>
          {changes.length > 0 && (
            <table className={styles.changes}>
              <thead>
                <tr>
                  <th scope="col">Field</th>
                  {entry.before !== undefined && <th scope="col">Before</th>}
                  {entry.after !== undefined && <th scope="col">{entry.before === undefined ? "Value" : "After"}</th>}
                </tr>
              </thead>
              <tbody>
                {changes.map(({ field, before, after }) => (
                  <tr key={field}>
                    <th scope="row">{field}</th>
                    {entry.before !== undefined && <td data-side="before">{before ?? "—"}</td>}
                    {entry.after !== undefined && <td data-side="after">{after ?? "—"}</td>}
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <dl className={styles.facts}>
            <Fact name="When">{formatExact(entry.at)}</Fact>
            <Fact name="Who">
              <button type="button" className={styles.pick} onClick={() => onActor(actor.id)} title="Only what they did">
                {actor.name}
              </button>{" "}
              <span className="quiet">{actor.kind}</span>
            </Fact>
            <Fact name="What it was done to">
              <button
                type="button"
                className={styles.pick}
                onClick={() => onObject(object.kind, object.id)}
                title="Only what was done to it"
              >
                {object.name ?? object.id}
              </button>{" "}
              <span className="quiet">{object.kind.replaceAll("_", " ")}</span>
              {object.kind === "device" && (
                <>
                  {" · "}
                  <Link to="/devices/$deviceId" params={{ deviceId: object.id }}>
                    Open
                  </Link>
                </>
              )}
            </Fact>
            {entry.remoteAddress !== undefined && <Fact name="From">{entry.remoteAddress}</Fact>}
            {entry.userAgent !== undefined && <Fact name="With">{entry.userAgent}</Fact>}
            {entry.correlationId !== undefined && (
              <Fact name="Correlation id">
                <code>{entry.correlationId}</code>
              </Fact>
            )}
            <Fact name="Place in the chain">
              {entry.position === undefined ? "waits for a moment" : formatCount(entry.position)} · <code>{entry.id}</code>
            </Fact>
          </dl>
        </div>
      </details>
    </li>
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
