import type { Device } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatPlural } from "../../parts/format.ts";
import { StateMark } from "../../parts/marks.tsx";
import { Page } from "../../parts/page.tsx";
import { Bone, PageWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./device-page.module.css";

const route = getRouteApi("/signed-in/devices/$deviceId");

const tabs = [
  { to: "/devices/$deviceId", word: "Measurements", exact: true },
  { to: "/devices/$deviceId/alarms", word: "Alarms", exact: false },
  { to: "/devices/$deviceId/thresholds", word: "Thresholds", exact: false },
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
    <Page title={device.data.name}>
      <DeviceHead device={device.data} />
      <nav className={styles.tabs} aria-label="Parts of this device">
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

function DeviceHead({ device }: { readonly device: Device }) {
  const attributes = Object.entries(device.attributes);
  return (
    <div className={styles.head}>
      <dl className={styles.facts}>
        <Fact word="State">
          <StateMark state={device.state} />
          <span className="quiet">
            since <Age at={device.stateSince} />
          </span>
        </Fact>
        <Fact word="Last heard">{device.lastSeenAt === undefined ? "Never" : <Age at={device.lastSeenAt} />}</Fact>
        <Fact word="Speaks every">{formatPlural(device.heartbeatSeconds, "second")}</Fact>
        <Fact word="Id">
          <span className="mono">{device.id}</span>
        </Fact>
        <Fact word="Kind">{device.kind}</Fact>
        <Fact word="Firmware">{device.firmwareVersion ?? <span className="quiet">Not told</span>}</Fact>
        <Fact word="Claimed">
          {device.claimedAt === undefined ? <span className="quiet">Not yet</span> : <Age at={device.claimedAt} />}
        </Fact>
      </dl>
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
  );
}

function Fact({ word, children }: { readonly word: string; readonly children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The place of a part on its way. */
export function PartWaiting() {
  return <Bone height={240} />;
}
