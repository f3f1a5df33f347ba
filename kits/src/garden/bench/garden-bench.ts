import type { ClaimReply } from "@roost/contract/claim";
import { addDevice } from "@roost/contract/devices";
import { switchKit } from "@roost/contract/kits";
import { claim } from "@roost/testbed/device";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import pg from "pg";

/** A server with the garden switched on, and whoever set it up. */
export interface GardenUnderTest {
  readonly server: ServerProcess;
  readonly administrator: Administrator;
  /** Statements as an operator with psql would run them. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  restart(): Promise<void>;
  end(): Promise<void>;
}

export async function startGarden(env: Readonly<Record<string, string>> = {}): Promise<GardenUnderTest> {
  const folder = createDataDir({ onDisk: true });
  let server = await startServer({ dataDir: folder.dataDir, env: { ROOST_LOG_LEVEL: "warn", ...env } });
  const administrator = await setUpAdministrator(server);
  await administrator.call(switchKit, { params: { kitId: "garden" }, body: { on: true } });
  return {
    get server() {
      return server;
    },
    administrator,
    async restart() {
      await server.terminate();
      server = await server.restart();
    },
    query: async (text, values) => {
      const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
      await client.connect();
      try {
        return (await client.query(text, values)).rows;
      } finally {
        await client.end();
      }
    },
    async end() {
      const { code } = await server.terminate();
      if (code !== 0) console.log(server.output().slice(-2_000));
      folder.remove();
    },
  };
}

/** Adds nodes and claims each as it would itself. */
export async function claimNodes({ server, administrator }: GardenUnderTest, nodes: number): Promise<ClaimReply[]> {
  const replies: ClaimReply[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(4, nodes) }, async () => {
      for (let index = next++; index < nodes; index = next++) {
        const id = `bench-node-${index + 1}`;
        const { ticket } = await administrator.call(addDevice, { body: { id, name: `Node ${index + 1}`, kind: "garden-node" } });
        replies[index] = await claim(server.ready.url, id, ticket.claimSecret);
      }
    }),
  );
  return replies;
}

/** The p-th percentile by rank. */
export function percentile(numbers: readonly number[], p: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? Number.NaN;
}
