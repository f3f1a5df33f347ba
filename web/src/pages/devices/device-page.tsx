import type { Device } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet } from "@tanstack/react-router";

import { Age } from "../../parts/age.tsx";
import { AlarmTable } from "../../parts/alarm-table.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatPlural, formatSpan } from "../../parts/format.ts";
import { titleOfKind } from "../../parts/kinds.ts";
import { StateMark } from "../../parts/marks.tsx";
import { Page } from "../../parts/page.tsx";
import { SilenceButton, SilencedUntil } from "../../parts/silence.tsx";
import { Bone, PageWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./device-page.module.css";

const route = getRouteApi("/signed-in/devices/$deviceId");

const tabs = [
  { to: "/devices/$deviceId", word: "Measurements", exact: true },
  { to: "/devices/$deviceId/alarms", word: "Alarms", exact: false },
  { to: "/devices/$deviceId/thresholds", word: "Thresholds", exact: false },
  { to: "/devices/$deviceId/commands", word: "Commands", exact: false },
  { to: "/devices/$deviceId/refused", word: "Refused", exact: false },
  { to: "/devices/$deviceId/settings", word: "Settings", exact: false },
] as const;

/** One device: what it is and how it is, above the part that the address asks for. */
export function DevicePage() {
  const { deviceId } = route.useParams();
  const device = useQuery(useApi().device(deviceId));
  if (device.data === undefined) {
    if (!device.isError) return <PageWaiting />;
    if (isAppError(device.error, "devices.not_found")) return <NoDevice deviceId={deviceId} />;
    return (
      <Page title={deviceId}>
        <Fault title="The device could not be loaded" error={device.error} onRetry={() => void device.refetch()} />
      </Page>
    );
  }
  return (
    <Page title={device.data.name} actions={<SilenceButton deviceId={device.data.id} deviceName={device.data.name} />}>
      <DeviceHead device={device.data} />
      <nav ref={showActiveTab} className={styles.tabs} aria-label="Parts of this device">
        {tabs.map(({ to, word, exact }) => (
          <Link key={to} to={to} params={{ deviceId }} search={{}} className={styles.tab} activeOptions={{ exact, includeSearch: false }}>
            {word}
          </Link>
        ))}
      </nav>
      <Outlet />
    </Page>
  );
}

/** On a narrow screen the tabs scroll; the one in use must be in sight. */
function showActiveTab(nav: HTMLElement | null): void {
  const active = nav?.querySelector<HTMLElement>("[aria-current=page]");
  if (nav !== null && active !== undefined && active !== null)
    nav.scrollLeft = active.offsetLeft - (nav.clientWidth - active.offsetWidth) / 2;
}

function NoDevice({ deviceId }: { readonly deviceId: string }) {
  return (
    <Page title="No such device">
      <Empty title={`No device has the id ${deviceId}.`}>
        <p>It may have been removed. Ids are lower case.</p>
        <Link to="/" search={{}}>
          Look in the fleet
        </Link>
      </Empty>
    </Page>
  );
}

/** State first, with since when; what it is in one quiet line; then what is wrong with it, with the button to press. */
function DeviceHead({ device }: { readonly device: Device }) {
  const attributes = Object.entries(device.attributes);
  return (
    <>
      <div className={styles.head}>
        <p className={styles.state}>
          <StateMark state={device.state} />
          <span>
            since <Age at={device.stateSince} />
          </span>
          <span>
            {device.lastSeenAt === undefined ? (
              "never heard"
            ) : (
              <>
                heard <Age at={device.lastSeenAt} />
              </>
            )}
          </span>
        </p>
        <ul className={styles.about} aria-label="About this device">
          <li className="mono">{device.id}</li>
          <li title={device.kind}>{titleOfKind(device.kind)}</li>
          {device.parentId !== undefined && (
            <li>
              reached through{" "}
              <Link to="/devices/$deviceId" params={{ deviceId: device.parentId }} search={{}} className="mono">
                {device.parentId}
              </Link>
            </li>
          )}
          {device.firmwareVersion !== undefined && <li>firmware {device.firmwareVersion}</li>}
          <li>speaks every {formatSpan(device.heartbeatSeconds * 1_000)}</li>
          <li>
            {device.claimedAt === undefined ? (
              "not claimed yet"
            ) : (
              <>
                claimed <Age at={device.claimedAt} />
              </>
            )}
          </li>
        </ul>
        {attributes.length > 0 && (
          <details className={styles.attributes}>
            <summary>{formatPlural(attributes.length, "attribute")} told by the device</summary>
            <dl>
              {attributes.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </div>
      <SilencedUntil deviceId={device.id} />
      <OpenAlarms deviceId={device.id} />
    </>
  );
}

function OpenAlarms({ deviceId }: { readonly deviceId: string }) {
  const alarms = useInfiniteQuery(useApi().alarms({ state: "open", deviceId })).data?.pages[0]?.items ?? [];
  return alarms.length === 0 ? null : <AlarmTable alarms={alarms.slice(0, 4)} showDevice={false} />;
}

/** The place of a part on its way. */
export function PartWaiting() {
  return <Bone height={240} />;
}
