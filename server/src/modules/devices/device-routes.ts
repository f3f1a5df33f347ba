import { claimDevice, getCa } from "@roost/contract/claim";
import {
  addDevice,
  changeDevice,
  getDevice,
  listDevices,
  removeDevice,
  renewClaimSecret,
  revokeCredentials,
  rotateCredentials,
} from "@roost/contract/devices";
import type { LatestValue } from "@roost/contract/devices";

import type { Mount, RequestFacts } from "../../platform/http/mount.ts";
import type { Devices } from "./devices.ts";

/** What the fleet page shows of nouns of higher rank; the composition root hands it in. */
export interface FleetReads {
  /** Newest values by device key, by metric's name, at most `perDevice` of each. */
  readonly latestOf: (deviceKeys: readonly number[], perDevice: number) => Promise<ReadonlyMap<number, readonly LatestValue[]>>;
  /** Open alarms by device id; no entry means none. */
  readonly openCounts: (deviceIds: readonly string[]) => Promise<ReadonlyMap<string, number>>;
}

const metricsPerRow = 4;

/** By which name the request came in; what it names is checked where it is used. */
function hostHeaderOf({ headers }: RequestFacts): string | undefined {
  return typeof headers["host"] === "string" ? headers["host"] : undefined;
}

/** Ties the routes of devices and claims to the face. */
export function mountDevices(mount: Mount, devices: Devices, { latestOf, openCounts }: FleetReads): void {
  mount(listDevices, async ({ caller, query }) => {
    const page = await devices.list(caller, query);
    const keys = page.items.flatMap((device) => devices.find(device.id)?.key ?? []);
    const [latest, alarms] = await Promise.all([latestOf(keys, metricsPerRow), openCounts(page.items.map((device) => device.id))]);
    return {
      ...page,
      items: page.items.map((device) => {
        const key = devices.find(device.id)?.key;
        return {
          ...device,
          openAlarms: alarms.get(device.id) ?? 0,
          latest: [...(key === undefined ? [] : (latest.get(key) ?? []))],
        };
      }),
    };
  });
  mount(getDevice, async ({ caller, params }) => devices.get(caller, params.deviceId));
  mount(addDevice, async ({ caller, body, request }) => devices.add(caller, body, hostHeaderOf(request)));
  mount(changeDevice, async ({ caller, params, body }) => devices.change(caller, params.deviceId, body));
  mount(removeDevice, async ({ caller, params, query }) => devices.remove(caller, params.deviceId, query.confirm));
  mount(renewClaimSecret, async ({ caller, params, request }) => devices.renewClaimSecret(caller, params.deviceId, hostHeaderOf(request)));
  mount(rotateCredentials, async ({ caller, params, body }) => devices.rotateCredentials(caller, params.deviceId, body.overlapSeconds));
  mount(revokeCredentials, async ({ caller, params }) => devices.revokeCredentials(caller, params.deviceId));

  mount(claimDevice, async ({ body, request }) => {
    const { answer, repeated } = await devices.claim(body, hostHeaderOf(request));
    // The answer carries a password: no cache on the way may keep it.
    request.setHeader("cache-control", "no-store");
    if (repeated) request.setHeader("x-idempotent-request", "true");
    return answer;
  });
  mount(getCa, async () => ({ body: devices.caPem(), headers: { "content-disposition": 'attachment; filename="roost-ca.pem"' } }));
}
