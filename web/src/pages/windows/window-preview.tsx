import { previewMaintenanceWindow } from "@roost/contract/windows";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue } from "react";

import { readFault } from "../../parts/fault.tsx";
import { formatMinute, formatSpan } from "../../parts/format.ts";
import { ownZone } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import type { WirePlan } from "./window-draft.ts";

import styles from "./windows.module.css";

/** When a plan would be in force: five times, by the clock of the window's zone and of the reader's. */
export function Preview({ plan, zone }: { readonly plan: WirePlan | undefined; readonly zone: string }) {
  const { call } = useApi();
  const asked = useDeferredValue(JSON.stringify(plan ?? null));
  const found = useQuery({
    queryKey: ["windows", "preview", asked],
    queryFn: ({ signal }) => call(previewMaintenanceWindow, { body: { plan: JSON.parse(asked) as WirePlan }, signal }),
    enabled: plan !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const own = ownZone();
  const weekday = (at: Date, timeZone: string) => new Intl.DateTimeFormat("en-GB", { weekday: "short", timeZone }).format(at);
  return (
    <section className={styles.preview} aria-label="When it would be in force" aria-live="polite">
      <h3>In force</h3>
      {plan === undefined ? (
        <p className="quiet">Say when it begins and how long it lasts.</p>
      ) : found.isError ? (
        <p>
          {readFault(found.error).message} <code>{readFault(found.error).code}</code>
        </p>
      ) : (
        <ol>
          {(found.data?.occurrences ?? []).map(({ from, to }) => (
            <li key={from.toISOString()}>
              {weekday(from, zone)} {formatMinute(from, zone)} to {formatMinute(to, zone).slice(sameDay(from, to, zone) ? 11 : 0)},{" "}
              {formatSpan(to.getTime() - from.getTime())}
              {zone !== own && (
                <span className="quiet">
                  {" "}
                  (here {weekday(from, own)} {formatMinute(from, own).slice(11)})
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function sameDay(one: Date, other: Date, timeZone: string): boolean {
  return formatMinute(one, timeZone).slice(0, 10) === formatMinute(other, timeZone).slice(0, 10);
}
