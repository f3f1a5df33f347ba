import {
  eraseDevice,
  erasePerson,
  exportDevice,
  exportMyself,
  exportPerson,
  getErasure,
  listErasures,
} from "@roost/contract/personal-data";

import type { Mount, StreamReply } from "../../platform/http/mount.ts";
import type { Personal } from "./personal.ts";

/** Ties the routes of personal data to the face. */
export function mountPersonal(mount: Mount, personal: Personal): void {
  mount(exportMyself, async ({ caller, request }) => archive(await personal.exportMyself(caller, request.signal), "my-personal-data"));
  mount(exportPerson, async ({ caller, params, request }) =>
    archive(await personal.exportPerson(caller, params.personId, request.signal), "personal-data"),
  );
  mount(exportDevice, async ({ caller, params, request }) =>
    archive(await personal.exportDevice(caller, params.deviceId, request.signal), params.deviceId),
  );
  mount(erasePerson, async ({ caller, params, body }) => personal.erasePerson(caller, params.personId, body.confirm));
  mount(eraseDevice, async ({ caller, params, body }) => personal.eraseDevice(caller, params.deviceId, body.confirm));
  mount(listErasures, async ({ caller, query }) => personal.list(caller, query));
  mount(getErasure, async ({ caller, params }) => personal.get(caller, params.erasureId));
}

function archive(body: AsyncIterable<Uint8Array>, name: string): StreamReply {
  return { body, headers: { "content-disposition": `attachment; filename="${name}.zip"` } };
}
