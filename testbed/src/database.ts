import pg from "pg";

import type { Ready } from "./server-process.ts";

/** Runs a statement in a running server's own database, as somebody would who got hold of it. */
export async function askDatabase(ready: Ready, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: ready.databaseSocketDir ?? "", user: "roost", database: "roost" });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
