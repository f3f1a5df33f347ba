import { Button } from "@mantine/core";
import type { Alarm } from "@roost/contract/alarms";
import type { UseMutationResult } from "@tanstack/react-query";

import { readFault } from "../../parts/fault.tsx";
import { formatPlural } from "../../parts/format.ts";
import { useMay } from "../../roost.tsx";
import type { BulkReply, BulkWhat } from "./use-acts.ts";

import styles from "./console.module.css";

type Act = UseMutationResult<{ what: BulkWhat; reply: BulkReply }, unknown, { what: BulkWhat; alarmIds: readonly string[] }>;

const done: Readonly<Record<BulkWhat, string>> = {
  acknowledge: "acknowledged",
  assign: "assigned to you",
  clear: "cleared",
  ticket: "got a ticket",
};

/** What can be done to all that are selected, and of each what became of it. */
export function BulkBar({ alarms, act, onNone }: { readonly alarms: readonly Alarm[]; readonly act: Act; readonly onNone: () => void }) {
  const mayMake = useMay("tickets:write");
  const run = (what: BulkWhat) => act.mutate({ what, alarmIds: alarms.map(({ id }) => id) });
  const refused = act.data?.reply.items.filter((item) => !item.done) ?? [];
  const reasons = [...Map.groupBy(refused, ({ message }) => message ?? "")];
  return (
    <section className={styles.bulk} aria-label="Selected alarms">
      {alarms.length > 0 && (
        <>
          <strong>{formatPlural(alarms.length, "alarm")} selected</strong>
          <Button onClick={() => run("acknowledge")} loading={act.isPending}>
            Acknowledge
          </Button>
          <Button variant="default" onClick={() => run("assign")} disabled={act.isPending}>
            Assign to me
          </Button>
          <Button variant="default" onClick={() => run("clear")} disabled={act.isPending}>
            Clear
          </Button>
          {mayMake && (
            <Button variant="default" onClick={() => run("ticket")} disabled={act.isPending}>
              Make tickets
            </Button>
          )}
        </>
      )}
      <output className={styles.outcome}>
        {act.data !== undefined && `${act.data.reply.items.length - refused.length} ${done[act.data.what]}`}
        {reasons.map(([reason, some]) => `; ${some.length} refused: ${reason}`).join("")}
        {act.isError && readFault(act.error).message}
      </output>
      <Button variant="subtle" onClick={onNone}>
        {alarms.length > 0 ? "Select none" : "Close"}
      </Button>
    </section>
  );
}
