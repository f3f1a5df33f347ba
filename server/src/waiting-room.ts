import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { secretErrors } from "@roost/contract/secrets";
import { systemErrors } from "@roost/contract/system";

import { listenFault } from "./platform/listen-fault.ts";

/** Stands at the web server's address while the start waits for the secret store: it lives, it is not ready, and it says why. */
export async function openWaitingRoom({
  host,
  port,
  store,
}: {
  host: string;
  port: number;
  store: () => { readonly state: string; readonly message: string };
}): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume();
    const timestamp = new Date().toISOString();
    const { message, state } = store();
    const path = (request.url ?? "").split("?", 1)[0];
    const isHealth = path === "/health";
    const error =
      path === "/ready"
        ? systemErrors.not_ready({ checks: [{ name: "secrets", ok: false, reason: `${state}: ${message}` }] })
        : state === "sealed"
          ? secretErrors.sealed()
          : secretErrors.store_unreachable({ state });
    const { code, details } = error;
    response.writeHead(isHealth ? 200 : error.status, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "retry-after": "5",
    });
    response.end(
      JSON.stringify(isHealth ? { status: "healthy", timestamp } : { error: { code, message: error.message, details, requestId: "" } }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenFault(error, { host, port, variable: "ROOST_HTTP_PORT" })));
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
