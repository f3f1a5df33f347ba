import { Button } from "@mantine/core";
import type { NotificationTarget } from "@roost/contract/notifications";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips } from "../../parts/filters.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { AddTarget } from "./add-target.tsx";
import { DeadManSection } from "./dead-man.tsx";
import { DeliveryList } from "./delivery-list.tsx";
import { TargetRow } from "./target-row.tsx";
import { ThisBrowser } from "./this-browser.tsx";

import styles from "./notifications-page.module.css";

const route = getRouteApi("/signed-in/notifications");

/** Where notices go, how each way is doing, and what became of each notice. */
export function NotificationsPage() {
  const { target, state } = route.useSearch();
  const navigate = route.useNavigate();
  const targets = useQuery(useApi().targets());
  const own = useQuery(useApi().myTargets());
  const may = useMay("notifications:configure");
  const [adding, setAdding] = useState<"all" | "own">();
  const items = targets.data?.items ?? [];
  const known = [...items, ...(own.data?.items ?? [])];
  const add = may && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding("all")}>
      Add target
    </Button>
  );
  return (
    <Page title="Notifications" actions={items.length > 0 && add}>
      <Section
        title="Targets"
        about="Mailboxes, chats, phones and programs of the organisation that are told when an alarm is raised or cleared, or a device falls silent or returns."
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
        <Rows items={items} mayChange={may} />
      </Section>
      <Section
        title="Your own"
        about="Seen and changed by you alone. Routes and on-call schedules that lead to you use them."
        actions={
          <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding("own")}>
            Add your own
          </Button>
        }
      >
        {own.data === undefined && own.isError && <Fault error={own.error} onRetry={() => void own.refetch()} />}
        {own.data?.items.length === 0 && (
          <p className="quiet">You have none yet. This browser, or the app it installs, can be the first.</p>
        )}
        <Rows items={own.data?.items ?? []} mayChange />
        <div className={styles.browser}>
          <ThisBrowser />
        </div>
      </Section>
      <DeadManSection mayChange={may} />
      <Section
        title="Deliveries"
        about="Newest first. Failed tries are repeated with growing pauses; what failed for good can be sent again."
        actions={
          <>
            <Chips
              label="State"
              value={state}
              onChange={(chosen) => void navigate({ search: { target, state: chosen } })}
              choices={[
                { value: undefined, label: "All" },
                { value: "waiting", label: "Waiting" },
                { value: "delivered", label: "Delivered" },
                { value: "failed", label: "Failed" },
              ]}
            />
            {known.length > 1 && (
              <Chips
                label="Target"
                value={target}
                onChange={(chosen) => void navigate({ search: { target: chosen, state } })}
                choices={[
                  { value: undefined, label: "All" },
                  ...known.map((one) => ({ value: one.id as string | undefined, label: one.name })),
                ]}
              />
            )}
          </>
        }
      >
        <DeliveryList filter={{ targetId: target, state }} mayReplay={may} />
      </Section>
      {adding !== undefined && <AddTarget isOwn={adding === "own"} onClose={() => setAdding(undefined)} />}
    </Page>
  );
}

function Rows({ items, mayChange }: { readonly items: readonly NotificationTarget[]; readonly mayChange: boolean }) {
  if (items.length === 0) return null;
  return (
    <ul className={styles.targets}>
      {items.map((one) => (
        <TargetRow key={one.id} target={one} mayChange={mayChange} />
      ))}
    </ul>
  );
}
