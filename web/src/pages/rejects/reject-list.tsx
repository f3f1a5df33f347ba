import { Select } from "@mantine/core";
import { type IngestReject, listRejects } from "@roost/contract/ingest";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { RejectFilter } from "../../api.ts";
import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Filters } from "../../parts/filters.tsx";
import { formatCount, formatExact } from "../../parts/format.ts";
import { ExportButton, List } from "../../parts/list.tsx";
import { useApi } from "../../roost.tsx";
import { adviceFor, rejectCodes } from "./advice.ts";

import styles from "./reject-list.module.css";

interface RejectListProps {
  readonly filter: RejectFilter;
  readonly onCode: (code: string | undefined) => void;
}

/** Refused messages under a filter: of the whole fleet, or of one device. */
export function RejectList({ filter, onCode }: RejectListProps) {
  const api = useApi();
  const query = useInfiniteQuery(api.rejects(filter));
  const present = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  return (
    <>
      <Filters>
        <Select
          className={styles.reason}
          aria-label="Reason"
          placeholder="Any reason"
          clearable
          searchable
          allowDeselect
          data={rejectCodes.map((code) => ({ value: code, label: code.replace("ingest.", "").replaceAll("_", " ") }))}
          value={filter.code ?? null}
          onChange={(code) => onCode(code ?? undefined)}
          clearButtonProps={{ "aria-label": "Any reason" }}
        />
        <ExportButton
          noun="refused messages"
          header={["id", "device", "code", "message", "topic", "count", "first_at", "last_at", "excerpt"]}
          row={(one: IngestReject) => [
            one.id,
            one.deviceId,
            one.code,
            one.message,
            one.topic,
            one.count,
            one.firstAt,
            one.lastAt,
            one.excerpt,
          ]}
          read={(cursor) => api.call(listRejects, { query: { ...present, ...(cursor === undefined ? {} : { cursor }), limit: 200 } })}
        />
      </Filters>
      <List query={query} noun="refused messages" rowHeight={96} empty={<NothingRefused filter={filter} />}>
        {(rejects) => (
          <ul className={styles.list} aria-label="Refused messages">
            {rejects.map((one) => (
              <RejectRow key={one.id} reject={one} showDevice={filter.deviceId === undefined} />
            ))}
          </ul>
        )}
      </List>
    </>
  );
}

function NothingRefused({ filter }: { readonly filter: RejectFilter }) {
  if (filter.code !== undefined) return <Empty title="Nothing was refused for this reason." />;
  return (
    <Empty title="Nothing was refused.">
      <p>Everything that came was readable and allowed. What cannot be stored one day stands here with its reason and what to do.</p>
    </Empty>
  );
}

function RejectRow({ reject, showDevice }: { readonly reject: IngestReject; readonly showDevice: boolean }) {
  const advice = adviceFor(reject.code);
  return (
    <li className={styles.row}>
      <div className={styles.head}>
        <code className={styles.code}>{reject.code}</code>
        {showDevice && (
          <span>
            {reject.deviceId === undefined ? (
              <span className="quiet">unknown device</span>
            ) : (
              <Link to="/devices/$deviceId" params={{ deviceId: reject.deviceId }}>
                {reject.deviceId}
              </Link>
            )}
          </span>
        )}
        <span className={styles.count}>{reject.count === 1 ? "once" : `${formatCount(reject.count)} times`}</span>
        <span className={styles.when} title={`First ${formatExact(reject.firstAt)}, last ${formatExact(reject.lastAt)}`}>
          <Age at={reject.lastAt} />
        </span>
      </div>
      <p>{reject.message}</p>
      {advice !== undefined && <p className={styles.advice}>{advice}</p>}
      <div className={styles.evidence}>
        {reject.topic !== "" && <span className={styles.topic}>{reject.topic}</span>}
        {reject.excerpt !== "" && <pre className={styles.excerpt}>{reject.excerpt}</pre>}
      </div>
    </li>
  );
}
