import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import pg from "pg";

import type { ServerProcess } from "./server-process.ts";

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const processIds = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);

/** The command lines of all processes of this host but our own, as anybody on it can read them. */
export const commandLines = (): string[] => processIds().map((id) => read(join("/proc", id, "cmdline")));

/** What a process started, and what those started, was given in its environment. */
export function environmentsOfChildren(pid: number): string[] {
  const parents = new Map<number, number>();
  for (const id of processIds()) {
    // The name stands in brackets and may hold anything.
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(read(join("/proc", id, "stat")))?.[1];
    if (parent !== undefined) parents.set(Number(id), Number(parent));
  }
  const found: number[] = [];
  for (let ring = [pid]; ring.length > 0; found.push(...ring)) {
    ring = [...parents].filter(([, parent]) => ring.includes(parent)).map(([child]) => child);
  }
  return found.map((id) => read(join("/proc", String(id), "environ")));
}

/** Every row of every table as text, bytes in hexadecimal: what a dump of the database holds. */
export async function dumpOf(server: ServerProcess): Promise<string> {
  const client = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(`
      select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'`);
    const parts: string[] = [];
    for (const { name } of tables.rows) {
      const rows = await client.query<{ row: string }>(`select to_jsonb(t)::text as row from ${name} t`);
      parts.push(name, ...rows.rows.map(({ row }) => row));
    }
    return parts.join("\n");
  } finally {
    await client.end();
  }
}
