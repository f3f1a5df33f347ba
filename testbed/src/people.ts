import { setUp } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { Call } from "@roost/contract/client";
import { addDevice } from "@roost/contract/devices";

import { claim } from "./device.ts";
import type { ServerProcess } from "./server-process.ts";

/** The first administrator of a test's installation, signed in. */
export interface Administrator {
  readonly email: string;
  readonly password: string;
  readonly cookie: string;
  readonly call: Call;
}

/** Sets the first administrator with the one-time code, as a person would, and keeps the session. */
export async function setUpAdministrator(server: Pick<ServerProcess, "ready">): Promise<Administrator> {
  const { url, setupCode } = server.ready;
  const email = "keeper@example.org";
  const password = "a long walk to the coop at dawn";
  const answer = await fetch(url + setUp.path, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ code: setupCode, email, password, name: "Keeper" }),
  });
  if (answer.status !== 201) throw new Error(`Set-up was answered ${answer.status}: ${await answer.text()}`);
  const cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  return { email, password, cookie, call: callerWith(url, cookie) };
}

/** A contract client that carries a session's cookie. */
export function callerWith(url: string, cookie: string): Call {
  return createClient({
    baseUrl: url,
    fetch: (address, init) => fetch(address, { ...init, headers: { ...init.headers, cookie, origin: url } }),
  });
}

/** Adds a device through the API and claims it through the claim call. */
export async function addClaimedDevice(server: ServerProcess, administrator: Administrator, id: string) {
  const { device, ticket } = await administrator.call(addDevice, { body: { id, name: id } });
  const credentials = await claim(server.ready.url, device.id, ticket.claimSecret);
  return { device, credentials };
}
