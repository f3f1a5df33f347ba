import { Button } from "@mantine/core";
import type { Delivery, NotificationTarget } from "@roost/contract/notifications";
import { removeNotificationTarget, testNotificationTarget } from "@roost/contract/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { severityWords } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { AddTarget } from "./add-target.tsx";
import { Attempts, DeliveryList, DeliveryState } from "./delivery-list.tsx";
import { targetKinds } from "./kinds.ts";

import styles from "./notifications-page.module.css";

const route = getRouteApi("/signed-in/notifications");

/** Where notices go, and what became of each. */
export function NotificationsPage() {
  const { target } = route.useSearch();
  const navigate = route.useNavigate();
  const targets = useQuery(useApi().targets());
  const may = useMay("notifications:configure");
  const [adding, setAdding] = useState(false);
  const items = targets.data?.items ?? [];
  const add = may && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Add target
    </Button>
  );
  return (
    <Page title="Notifications" actions={items.length > 0 && add}>
      <Section
        title="Targets"
        about="Mailboxes, chats, phones and programs that are told when an alarm is raised or cleared, or a device falls silent or returns."
      >
        {targets.data === undefined && !targets.isError && <RowsWaiting label="targets" rows={2} />}
        {targets.data === undefined && targets.isError && <Fault error={targets.error} onRetry={() => void targets.refetch()} />}
        {targets.data !== undefined && items.length === 0 && (
          <Empty title="Nobody is told yet.">
            <p>
              Add a mailbox, a chat (Slack, Teams, Discord, Telegram), a phone (ntfy, Pushover, Gotify) or any address that takes a POST
              with JSON, then send it a test.
            </p>
            {add}
          </Empty>
        )}
        {items.length > 0 && (
          <ul className={styles.targets}>
            {items.map((one) => (
              <TargetRow key={one.id} target={one} mayChange={may} />
            ))}
          </ul>
        )}
      </Section>
      <Section
        title="Deliveries"
        about="Newest first. Failed tries are repeated with growing pauses."
        actions={
          items.length > 1 && (
            <Chips
              label="Target"
              value={target}
              onChange={(chosen) => void navigate({ search: { target: chosen } })}
              choices={[
                { value: undefined, label: "All" },
                ...items.map((one) => ({ value: one.id as string | undefined, label: one.name })),
              ]}
            />
          )
        }
      >
        <DeliveryList filter={{ targetId: target }} />
      </Section>
      {adding && <AddTarget onClose={() => setAdding(false)} />}
    </Page>
  );
}

function TargetRow({ target, mayChange }: { readonly target: NotificationTarget; readonly mayChange: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const test = useMutation({
    mutationFn: () => call(testNotificationTarget, { params: { targetId: target.id } }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["deliveries"] }),
  });
  const remove = useMutation({
    mutationFn: () => call(removeNotificationTarget, { params: { targetId: target.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["notification-targets"] }),
  });
  return (
    <li className={styles.target}>
      <div className={styles.what}>
        <strong>{target.name}</strong>
        <span className={styles.address}>{target.address}</span>
        <span className="quiet">
          {targetKinds[target.kind].label} · from {severityWords[target.minSeverity].toLowerCase()} on · added <Age at={target.createdAt} />
          {!target.enabled && " · switched off"}
        </span>
      </div>
      {mayChange && (
        <div className={styles.acts}>
          <Button variant="default" loading={test.isPending} onClick={() => test.mutate()} aria-label={`Send a test to ${target.name}`}>
            Send a test
          </Button>
          <Button variant="subtle" color="red" onClick={() => setRemoving(true)} aria-label={`Remove ${target.name}`}>
            Remove
          </Button>
        </div>
      )}
      <div className={styles.answer} aria-live="polite">
        {test.isError && <Fault error={test.error} />}
        {test.data !== undefined && <TestAnswer delivery={test.data} />}
      </div>
      {removing && (
        <Confirm
          title={`Remove ${target.name}?`}
          verb="Remove target"
          name={target.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setRemoving(false)}
        >
          <p>It is told of nothing any more. The record of what was delivered stays.</p>
        </Confirm>
      )}
    </li>
  );
}

function TestAnswer({ delivery }: { readonly delivery: Delivery }) {
  return (
    <div className={styles.test}>
      <DeliveryState delivery={delivery} />
      <Attempts delivery={delivery} />
    </div>
  );
}
