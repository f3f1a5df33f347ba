import { setTimeout as pause } from "node:timers/promises";

import type { ClaimReply } from "@roost/contract/claim";
import { addressOf } from "@roost/contract/client";
import { addDevice } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import { sendTelemetry } from "@roost/contract/ingest";
import { switchKit } from "@roost/contract/kits";
import { claim } from "@roost/testbed/device";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";

/** A real server with the garden switched on, and somebody who keeps it. */
export interface TestGarden {
  readonly server: ServerProcess;
  readonly keeper: Administrator;
  /** A node that was claimed: what it proves itself with. */
  addNode(id: string, options?: { siteId?: string }): Promise<ClaimReply>;
  /** Sends samples as the node does; they are stored when this returns. Each has its time in `timestamp`, epoch milliseconds. */
  send(node: ClaimReply, samples: readonly Readonly<Record<string, number>>[]): Promise<void>;
  /** Any request with the keeper's session. */
  fetch(path: string, init?: { method?: string; headers?: Readonly<Record<string, string>>; body?: BodyInit }): Promise<Response>;
  /** Ends the server the hard way and starts it again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server of its own for one test file. */
export async function startGarden({ env = {} }: { env?: Readonly<Record<string, string>> } = {}): Promise<TestGarden> {
  const { dataDir, remove } = createDataDir();
  let server = await startServer({ dataDir, env: { ROOST_LOCAL_DEVICE: "false", ...env } });
  const { url } = server.ready;
  const keeper = await setUpAdministrator(server);
  await keeper.call(switchKit, { params: { kitId: "garden" }, body: { on: true } });
  return {
    get server() {
      return server;
    },
    keeper,
    async addNode(id, { siteId } = {}) {
      const { device, ticket } = await keeper.call(addDevice, {
        body: { id, name: id, kind: "garden-node", ...(siteId === undefined ? {} : { siteId }) },
      });
      return claim(url, device.id, ticket.claimSecret);
    },
    async send(node, samples) {
      const deviceId = node.mqtt.username;
      const answer = await fetch(url + addressOf(sendTelemetry, { params: { deviceId } }), {
        method: "POST",
        headers: { authorization: `Bearer ${node.mqtt.password}`, "content-type": "application/json" },
        body: JSON.stringify(samples),
      });
      const told = await answer.text();
      if (answer.status !== 200 || !told.includes('"rejected":[]')) throw new Error(`The samples were answered ${answer.status}: ${told}`);
    },
    fetch: (path, init = {}) => fetch(url + path, { ...init, headers: { ...init.headers, cookie: keeper.cookie, origin: url } }),
    async crash() {
      await server.kill();
      server = await server.restart();
    },
    async stop() {
      await server.terminate();
      remove();
    },
  };
}

/** The code of the error that work ends with; of another error what it says, and nothing where it ends well. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "",
    (error: unknown) => (isAppError(error) ? error.code : String(error)),
  );
}

/** Asks again until the answer is as it shall be, or a minute has gone. */
export async function eventually<Answer>(ask: () => Promise<Answer>, isIt: (answer: Answer) => boolean): Promise<Answer> {
  let answer = await ask();
  for (let tries = 0; tries < 1_200 && !isIt(answer); tries += 1) {
    await pause(50);
    answer = await ask();
  }
  return answer;
}
