import { ingestErrors, listRejects, sendTelemetry } from "@roost/contract/ingest";

import type { Mount } from "../../platform/http/mount.ts";
import type { Ingest } from "./ingest.ts";

/** Ties the routes of ingest to its face. */
export function mountIngest(mount: Mount, ingest: Ingest): void {
  mount(sendTelemetry, async ({ params, caller, request }) => {
    if (params.deviceId !== caller.id) throw ingestErrors.not_allowed();
    return ingest.acceptHttp({ id: caller.id, key: caller.deviceKey, organisationId: caller.organisationId }, request.rawBody);
  });
  mount(listRejects, async ({ query, caller }) => ingest.listRejects(caller, query));
}
