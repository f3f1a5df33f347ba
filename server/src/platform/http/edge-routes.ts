import type { Route } from "@roost/contract/route";
import { getMetrics, getOpenApi } from "@roost/contract/system";

import type { Metrics } from "./metrics.ts";
import type { Mount } from "./mount.ts";
import { openApi } from "./openapi.ts";

/** Mounts what the edge knows by itself: the reference and the numbers. */
export function mountEdge(
  mount: Mount,
  { routes, version, url, metrics }: { routes: readonly Route[]; version: string; url?: string | undefined; metrics: Metrics },
): void {
  // Made when it is first asked for: turning all shapes into JSON Schema costs every start time and memory.
  let reference: string | undefined;
  mount(getOpenApi, async () => {
    reference ??= JSON.stringify(openApi(routes, { version, url }));
    return { body: reference, headers: { "cache-control": "no-cache" } };
  });
  mount(getMetrics, async () => {
    const { text, type } = await metrics.expose();
    return { body: text, headers: { "content-type": type } };
  });
}
