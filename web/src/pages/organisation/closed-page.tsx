import { Button } from "@mantine/core";
import { addressOf } from "@roost/contract/client";
import { keepOrganisation } from "@roost/contract/organisation-removal";
import type { OrganisationRemoval } from "@roost/contract/organisations";
import { exportDevice, exportMyself } from "@roost/contract/personal-data";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { DeviceChoice } from "../../parts/device-choice.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMinute } from "../../parts/format.ts";
import { DownloadIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useMoment, useSession } from "../../roost.tsx";
import { organisationNow } from "./questions.ts";

import styles from "./organisation-page.module.css";

const lookEveryMs = 15_000;

/** What members of an organisation see that is to be removed: by whom, until when, how it is kept, and what they can take away. */
export function ClosedPage() {
  const { call } = useApi();
  const { organisation } = useSession();
  const { data, error, refetch } = useQuery({ ...organisationNow(call), refetchInterval: lookEveryMs });
  const isOpen = data !== undefined && data.removal === undefined;
  useEffect(() => {
    // Somebody kept it.
    if (isOpen) window.location.reload();
  }, [isOpen]);
  if (error !== null && data === undefined) {
    return (
      <Page title={`${organisation.name} is being removed`}>
        <Fault error={error} onRetry={() => void refetch()} />
      </Page>
    );
  }
  if (data?.removal === undefined) return <PageWaiting />;
  return (
    <Page title={`${data.name} is being removed`}>
      <Standing name={data.name} removal={data.removal} />
      <TakeAway />
      <Elsewhere />
    </Page>
  );
}

function Standing({ name, removal }: { readonly name: string; readonly removal: OrganisationRemoval }) {
  const { call } = useApi();
  const { role } = useSession();
  const keep = useMutation({ mutationFn: () => call(keepOrganisation, {}), onSuccess: () => window.location.assign("/") });
  const isOver = useMoment((now) => now >= removal.endsAt.getTime());
  if (removal.state === "removing") {
    return (
      <Section
        title="It goes now"
        about={
          <>
            {removal.requestedBy} asked for it on {formatMinute(removal.requestedAt)}. Nothing brings it back.
          </>
        }
      >
        <p>Everything in it is being removed. When the last of it is gone, so is this page.</p>
      </Section>
    );
  }
  return (
    <Section
      title="Closed"
      about={
        <>
          {removal.requestedBy} asked for its removal on {formatMinute(removal.requestedAt)}, <Age at={removal.requestedAt} />.
        </>
      }
    >
      <div className={styles.closed}>
        <p>
          Its devices are not let in, nobody is told of alarms, and its API tokens do not work.{" "}
          {isOver ? (
            <strong>It goes for good within a minute.</strong>
          ) : (
            <>
              It goes for good on <strong>{formatMinute(removal.endsAt)}</strong>, with everything in it.
            </>
          )}
        </p>
        {role === "owner" ? (
          <Button loading={keep.isPending || keep.isSuccess} onClick={() => keep.mutate()}>
            Keep it after all
          </Button>
        ) : (
          <p>Until then an owner of {name} can keep it.</p>
        )}
        {keep.isError && <Fault error={keep.error} />}
      </div>
    </Section>
  );
}

/** What is open all the same. */
function Elsewhere() {
  const mayAudit = useMay("audit:read");
  const mayPlatform = useMay("platform:organisations");
  if (!mayAudit && !mayPlatform) return null;
  return (
    <Section title="Still open">
      <div className={styles.buttons}>
        {mayAudit && (
          <Button variant="default" component={Link} to="/audit">
            Audit trail
          </Button>
        )}
        {mayPlatform && (
          <Button variant="default" component={Link} to="/platform">
            Platform
          </Button>
        )}
      </div>
    </Section>
  );
}

/** Nothing is lost that somebody wants to have. */
function TakeAway() {
  const mayExport = useMay("personal:export");
  const [deviceId, setDeviceId] = useState<string | null>(null);
  return (
    <Section title="Take away what is yours" about="A ZIP of all that Roost keeps, a file for each table. Until the organisation goes.">
      <div className={styles.closed}>
        <Button variant="default" component="a" href={addressOf(exportMyself, {})} download leftSection={<DownloadIcon size={18} />}>
          Everything about you
        </Button>
        {mayExport && (
          <div className={styles.line}>
            <DeviceChoice
              label="Everything about a device, with its values"
              placeholder="Name or id"
              value={deviceId}
              onChange={setDeviceId}
            />
            {deviceId !== null && (
              <Button
                variant="default"
                component="a"
                href={addressOf(exportDevice, { params: { deviceId } })}
                download
                leftSection={<DownloadIcon size={18} />}
              >
                Download {deviceId}
              </Button>
            )}
          </div>
        )}
      </div>
    </Section>
  );
}
