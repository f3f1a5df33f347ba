import { Button } from "@mantine/core";
import {
  type Delivery,
  type NotificationTarget,
  removeMyTarget,
  removeNotificationTarget,
  replayDeliveries,
  testMyTarget,
  testNotificationTarget,
} from "@roost/contract/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatPlural } from "../../parts/format.ts";
import { severityWords } from "../../parts/marks.tsx";
import { useApi } from "../../roost.tsx";
import { Attempts, DeliveryState } from "./delivery-list.tsx";
import { targetKinds } from "./kinds.ts";
import { TargetWords } from "./target-words.tsx";

import styles from "./notifications-page.module.css";

/** A target with how it is doing, and what can be done about it. */
export function TargetRow({ target, mayChange }: { readonly target: NotificationTarget; readonly mayChange: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState<"remove" | "words">();
  const isOwn = target.personId !== undefined;
  const params = { targetId: target.id };
  const onSettled = async () => {
    await queryClient.invalidateQueries({ queryKey: ["deliveries"] });
    await queryClient.invalidateQueries({ queryKey: ["notification-targets"] });
  };
  const test = useMutation({ mutationFn: () => call(isOwn ? testMyTarget : testNotificationTarget, { params }), onSettled });
  const replay = useMutation({ mutationFn: () => call(replayDeliveries, { body: params }), onSettled });
  const remove = useMutation({
    mutationFn: () => call(isOwn ? removeMyTarget : removeNotificationTarget, { params }),
    onSuccess: onSettled,
  });
  return (
    <li className={styles.target}>
      <div className={styles.what}>
        <strong>{target.name}</strong>
        <span className={styles.address}>{target.address}</span>
        <span className="quiet">
          {targetKinds[target.kind].label}
          {target.hears === "tickets" && " · tickets"} · from {severityWords[target.minSeverity].toLowerCase()} on
          {target.workedAt === undefined ? (
            <>
              {" "}
              · added <Age at={target.createdAt} />
            </>
          ) : (
            <>
              {" "}
              · last arrived <Age at={target.workedAt} />
            </>
          )}
          {!target.enabled && " · switched off"}
        </span>
        <Health target={target} />
      </div>
      {mayChange && (
        <div className={styles.acts}>
          <Button variant="default" loading={test.isPending} onClick={() => test.mutate()} aria-label={`Send a test to ${target.name}`}>
            Send a test
          </Button>
          {target.failingSince !== undefined && !isOwn && (
            <Button
              variant="default"
              loading={replay.isPending}
              onClick={() => replay.mutate()}
              aria-label={`Send again what failed to ${target.name}`}
            >
              Send again
            </Button>
          )}
          <Button variant="subtle" onClick={() => setAsked("words")} aria-label={`Words for ${target.name}`}>
            Words
          </Button>
          <Button variant="subtle" color="red" onClick={() => setAsked("remove")} aria-label={`Remove ${target.name}`}>
            Remove
          </Button>
        </div>
      )}
      <div className={styles.answer} aria-live="polite">
        {test.isError && <Fault error={test.error} />}
        {test.data !== undefined && <TestAnswer delivery={test.data} />}
        {replay.isError && <Fault error={replay.error} />}
        {replay.data !== undefined && <p>{formatPlural(replay.data.replayed, "delivery is", "deliveries are")} sent again.</p>}
      </div>
      {asked === "words" && <TargetWords target={target} onClose={() => setAsked(undefined)} />}
      {asked === "remove" && (
        <Confirm
          title={`Remove ${target.name}?`}
          verb="Remove target"
          name={target.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsked(undefined)}
        >
          <p>It is told of nothing any more. The record of what was delivered stays.</p>
        </Confirm>
      )}
    </li>
  );
}

/** What is wrong with it, in words; nothing where nothing is. */
function Health({ target: { breaker, failingSince } }: { readonly target: NotificationTarget }) {
  if (breaker.state === "closed" && failingSince === undefined) return null;
  return (
    <span className={styles.failing}>
      ✕ Notices do not arrive.
      {failingSince !== undefined && (
        <>
          {" "}
          It began <Age at={failingSince} />.
        </>
      )}
      {breaker.state === "open" && breaker.probeAt !== undefined && (
        <>
          {" "}
          Left alone after {breaker.failures} failed tries; what is to be told waits. Next look <Age at={breaker.probeAt} />.
        </>
      )}
      {breaker.state === "half_open" && ` One notice goes out to see, after ${breaker.failures} failed tries.`}
    </span>
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
