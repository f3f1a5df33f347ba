import { Button } from "@mantine/core";
import { type Delivery, listDeliveries, replayDelivery } from "@roost/contract/notifications";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { DeliveryFilter } from "../../api.ts";
import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Filters } from "../../parts/filters.tsx";
import { formatExact, formatPlural } from "../../parts/format.ts";
import { ExportButton, List } from "../../parts/list.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./delivery-list.module.css";

const whatWords: Readonly<Record<Delivery["what"], string>> = {
  "alarm.raised": "Alarm raised",
  "alarm.cleared": "Alarm cleared",
  "alarm.acknowledged": "Alarm acknowledged",
  "alarm.unacknowledged": "Alarm open again",
  "alarm.worse": "Alarm grew worse",
  "alarm.flapping": "Alarm flaps",
  "alarm.repeated": "Alarm repeated",
  "alarm.reminder": "Reminder",
  "alarm.escalated": "Escalation",
  "alarm.assigned": "Alarm assigned",
  "alarm.late": "Past alarm",
  "device.offline": "Device offline",
  "device.online": "Device back online",
  "ticket.created": "Ticket made",
  "ticket.moved": "Ticket moved",
  "ticket.assigned": "Ticket assigned",
  "ticket.messaged": "Ticket message",
  "ticket.changed": "Ticket changed",
  "ticket.fell_late": "Ticket late",
  "ticket.alarm_turned": "Alarm of a ticket",
  digest: "Digest",
  confirmation: "Confirmation",
  test: "Test",
};
const stateWords: Readonly<Record<Delivery["state"], string>> = { waiting: "Waiting", delivered: "Delivered", failed: "Failed" };

/** Notices with their outcome; each opens to show every try. */
export function DeliveryList({ filter, mayReplay = false }: { readonly filter: DeliveryFilter; readonly mayReplay?: boolean }) {
  const api = useApi();
  const query = useInfiniteQuery(api.deliveries(filter));
  const present = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  return (
    <>
      <Filters>
        <ExportButton
          noun="deliveries"
          header={[
            "id",
            "what",
            "target",
            "state",
            "created_at",
            "next_try_at",
            "attempts",
            "last_outcome",
            "last_status",
            "last_code",
            "alarm_id",
          ]}
          row={(delivery: Delivery) => {
            const last = delivery.attempts.at(-1);
            return [
              delivery.id,
              delivery.what,
              delivery.targetName,
              delivery.state,
              delivery.createdAt,
              delivery.nextTryAt,
              delivery.attempts.length,
              last?.outcome,
              last?.status,
              last?.code,
              delivery.alarmId,
            ];
          }}
          read={(cursor) => api.call(listDeliveries, { query: { ...present, ...(cursor === undefined ? {} : { cursor }), limit: 200 } })}
        />
      </Filters>
      <List query={query} noun="deliveries" rowHeight={48} empty={<NoDeliveries filter={filter} />}>
        {(deliveries) => (
          <ul className={styles.list}>
            {deliveries.map((delivery) => (
              <li key={delivery.id}>
                <DeliveryRow delivery={delivery} linked={filter.alarmId === undefined} mayReplay={mayReplay} />
              </li>
            ))}
          </ul>
        )}
      </List>
    </>
  );
}

function NoDeliveries({ filter }: { readonly filter: DeliveryFilter }) {
  return (
    <Empty title="Nobody was told yet.">
      {filter.alarmId === undefined ? (
        <p>Notices stand here as soon as an alarm is raised or cleared. Press “Send a test” at a target to see how one looks.</p>
      ) : (
        <p>
          No target took notices of this severity when it happened. <Link to="/notifications">Add one</Link>.
        </p>
      )}
    </Empty>
  );
}

function DeliveryRow({
  delivery,
  linked,
  mayReplay,
}: {
  readonly delivery: Delivery;
  readonly linked: boolean;
  readonly mayReplay: boolean;
}) {
  return (
    <details className={styles.delivery}>
      <summary>
        <DeliveryState delivery={delivery} />
        <span>
          {whatWords[delivery.what]} <span className="quiet">to</span> {delivery.targetName}
          {delivery.notBefore !== undefined && delivery.state === "waiting" && <span className="quiet"> · held back</span>}
        </span>
        <span className={styles.tries}>{formatPlural(delivery.attempts.length, "try", "tries")}</span>
        <span className={styles.when}>
          <Age at={delivery.createdAt} />
        </span>
      </summary>
      <Attempts delivery={delivery} />
      {mayReplay && delivery.state === "failed" && delivery.targetId !== undefined && <Replay delivery={delivery} />}
      {linked && delivery.alarmId !== undefined && (
        <Link to="/alarms/$alarmId" params={{ alarmId: delivery.alarmId }}>
          See the alarm
        </Link>
      )}
    </details>
  );
}

export function DeliveryState({ delivery }: { readonly delivery: Delivery }) {
  return (
    <span className={styles.state} data-state={delivery.state}>
      {{ delivered: "✓", failed: "✕", waiting: "…" }[delivery.state]} {stateWords[delivery.state]}
    </span>
  );
}

function Replay({ delivery }: { readonly delivery: Delivery }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const replay = useMutation({
    mutationFn: () => call(replayDelivery, { params: { deliveryId: delivery.id } }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["deliveries"] }),
  });
  return (
    <>
      <Button variant="default" loading={replay.isPending} onClick={() => replay.mutate()}>
        Send again
      </Button>
      {replay.isError && <Fault error={replay.error} />}
    </>
  );
}

/** Every try with what came back, in words. */
export function Attempts({ delivery }: { readonly delivery: Delivery }) {
  return (
    <ol className={styles.attempts}>
      {delivery.attempts.map((attempt) => (
        <li key={attempt.at.getTime()}>
          <span title={formatExact(attempt.at)}>
            <Age at={attempt.at} />
          </span>{" "}
          <span>
            {attempt.outcome === "delivered" ? "Delivered" : "Failed"}
            {attempt.status === undefined ? "" : `, the other side answered ${attempt.status}`} in {Math.round(attempt.durationMs)} ms
            {attempt.code !== undefined && (
              <>
                {" "}
                <code>{attempt.code}</code>
              </>
            )}
          </span>
        </li>
      ))}
      {delivery.attempts.length === 0 && <li>Not tried yet.</li>}
      {delivery.nextTryAt !== undefined && delivery.state === "waiting" && (
        <li className="quiet">
          Next try <Age at={delivery.nextTryAt} />.
        </li>
      )}
    </ol>
  );
}
