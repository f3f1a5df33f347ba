import {
  addEnrolmentCode,
  approveRegistration,
  listEnrolmentCodes,
  listRegistrations,
  registerDevice,
  registerDeviceOld,
  registrationErrors,
  rejectRegistration,
  removeEnrolmentCode,
} from "@roost/contract/registrations";
import type { RegisterReply, RegisterRequest } from "@roost/contract/registrations";

import { isLoopbackHost } from "../../platform/addresses.ts";
import type { Mount, RequestFacts } from "../../platform/http/mount.ts";
import type { Registrations } from "./registrations.ts";

const forwardingHeaders = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];

/** Ties the routes of registrations and enrolment codes to their face. */
export function mountRegistrations(mount: Mount, registrations: Registrations): void {
  const register = async ({ body, request }: { body: RegisterRequest; request: RequestFacts }): Promise<RegisterReply> => {
    const hostHeader = textOf(request, "host");
    if (!request.isSecure && !isThisMachine(request)) {
      const url = registrations.secureUrl(hostHeader);
      throw registrationErrors.insecure(url === undefined ? {} : { url: url + registerDevice.path });
    }
    // The answer carries a password: no cache on the way may keep it.
    request.setHeader("cache-control", "no-store");
    const { remoteAddress, correlationId } = request;
    return registrations.register(body, {
      remoteAddress,
      hostHeader,
      correlationId,
      userAgent: textOf(request, "user-agent")?.slice(0, 256),
    });
  };
  mount(registerDevice, register);
  mount(registerDeviceOld, register);

  mount(listRegistrations, async ({ caller }) => ({ items: await registrations.list(caller) }));
  mount(approveRegistration, async ({ caller, params, body }) =>
    registrations.approve(caller, params.registrationId, body, { mayReplace: caller.permissions.has("devices:credentials") }),
  );
  mount(rejectRegistration, async ({ caller, params }) => registrations.reject(caller, params.registrationId));
  mount(listEnrolmentCodes, async ({ caller }) => ({ items: await registrations.listCodes(caller) }));
  mount(addEnrolmentCode, async ({ caller, body, request }) => {
    request.setHeader("cache-control", "no-store");
    return registrations.addCode(caller, body);
  });
  mount(removeEnrolmentCode, async ({ caller, params }) => registrations.removeCode(caller, params.enrolmentCodeId));
}

/** A proxy on this machine that nobody named brings strangers from who knows where. */
function isThisMachine({ remoteAddress, headers }: RequestFacts): boolean {
  return isLoopbackHost(remoteAddress) && forwardingHeaders.every((name) => headers[name] === undefined);
}

function textOf({ headers }: RequestFacts, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}
