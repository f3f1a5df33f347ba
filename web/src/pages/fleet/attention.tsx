import { severities } from "@roost/contract/alarms";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { AlarmTable } from "../../parts/alarm-table.tsx";
import { formatCount, formatPlural } from "../../parts/format.ts";
import { CheckIcon } from "../../parts/icons.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./attention.module.css";

const shownAtMost = 5;

/** What needs a person now: the worst open alarms with their button, or one calm line that nothing does. */
export function Attention({ devices, offline }: { readonly devices: number | undefined; readonly offline: number | undefined }) {
  const { data } = useInfiniteQuery(useApi().alarms({ state: "open" }));
  if (data === undefined) return null;
  const open = data.pages.flatMap((page) => page.items);
  const waiting = open
    .filter((alarm) => alarm.state === "raised")
    .sort((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity) || b.raisedAt.getTime() - a.raisedAt.getTime());
  if (waiting.length === 0) {
    return (
      <p className={styles.calm} data-offline={offline !== undefined && offline > 0}>
        <CheckIcon size={18} />
        <span>
          {open.length === 0 ? "No open alarms." : `No new alarms; ${formatPlural(open.length, "alarm is", "alarms are")} looked after.`}
          {devices !== undefined && devices > 0 && offline !== undefined && (
            <>
              {" "}
              {offline === 0
                ? `None of ${formatPlural(devices, "device")} is offline.`
                : `${formatCount(offline)} of ${formatPlural(devices, "device")} offline.`}
            </>
          )}
        </span>
        {open.length > 0 && (
          <Link to="/alarms" search={{}}>
            See them
          </Link>
        )}
      </p>
    );
  }
  const more = open.length - Math.min(waiting.length, shownAtMost);
  return (
    <section className={styles.attention} aria-label="Needs attention">
      <h2>
        {formatPlural(waiting.length, "alarm")}
        {data.pages.at(-1)?.next === undefined ? "" : " or more"} to look after
      </h2>
      <AlarmTable alarms={waiting.slice(0, shownAtMost)} />
      {more > 0 && (
        <Link to="/alarms" search={{}} className={styles.more}>
          All open alarms ({formatCount(open.length)})
        </Link>
      )}
    </section>
  );
}
