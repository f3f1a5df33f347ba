import type { KitTerminal } from "@roost/contract/kit-cli";
import { listSeries, queryTelemetry } from "@roost/contract/telemetry";

import { patiently } from "./patience.ts";

/** What is stored of a node. */
export interface Stored {
  /** Values by metric. */
  readonly counts: ReadonlyMap<string, number>;
  readonly firstMs: number | undefined;
  readonly latestMs: number | undefined;
}

const dayMs = 86_400_000;
const longestMs = 400 * dayMs;
const atOnce = 4;

/** Counts what is stored of a node over the last 400 days, metric by metric. */
async function countOf({ call, signal, nowMs }: Pick<KitTerminal, "call" | "signal" | "nowMs">, deviceId: string): Promise<Stored> {
  const params = { deviceId };
  const { items } = await patiently(signal, () => call(listSeries, { params }));
  const counts = new Map<string, number>();
  const to = nowMs() + dayMs;
  for (const { metric } of items) {
    const query = {
      metric,
      from: new Date(to - longestMs).toISOString(),
      to: new Date(to).toISOString(),
      resolutionSeconds: "86400",
      maxPoints: "1000",
    };
    const { n } = await patiently(signal, () => call(queryTelemetry, { params, query }));
    counts.set(
      metric,
      n.reduce((sum, one) => sum + one, 0),
    );
  }
  const firsts = items.flatMap(({ firstAt }) => (firstAt === undefined ? [] : [firstAt.getTime()]));
  const latests = items.flatMap(({ latest }) => (latest === undefined ? [] : [latest.measuredAt.getTime()]));
  return {
    counts,
    firstMs: firsts.length === 0 ? undefined : Math.min(...firsts),
    latestMs: latests.length === 0 ? undefined : Math.max(...latests),
  };
}

/** Counts what is stored of many nodes. */
export async function countStored(
  asking: Pick<KitTerminal, "call" | "signal" | "nowMs">,
  deviceIds: readonly string[],
  onCounted: (done: number) => void,
): Promise<Map<string, Stored>> {
  const found = new Map<string, Stored>();
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, deviceIds.length) }, async () => {
      for (let deviceId = deviceIds[next++]; deviceId !== undefined; deviceId = deviceIds[next++]) {
        found.set(deviceId, await countOf(asking, deviceId));
        onCounted(found.size);
      }
    }),
  );
  return found;
}
