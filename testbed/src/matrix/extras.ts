import { randomUUID } from "node:crypto";

import { permissions } from "@roost/contract/permissions";

import { nameOf } from "./matrix.ts";
import type { Cell, LeakCheck } from "./matrix.ts";
import type { World } from "./stage.ts";
import { changedTables } from "./stored.ts";

/** Whoever asks for it best, so that nothing but the property itself stands in the way. */
function boldest(cells: readonly Cell[]): Cell | undefined {
  const rank = ["owner A", "platform administrator", "device of A", "nobody"];
  return rank
    .map((name) => cells.find(({ caller, isAbsent }) => caller.name === name && !isAbsent))
    .find((cell) => cell?.expected !== undefined);
}

/** What nobody may set by just naming it; values that would be found in the database again. */
function extrasFor(world: World): readonly (readonly [name: string, json: string])[] {
  const planted = randomUUID();
  const { organisationId = "", personId = "" } = world.places.b;
  return [
    ["organisationId", JSON.stringify(organisationId)],
    ["organisation_id", JSON.stringify(organisationId)],
    ["tenantId", JSON.stringify(organisationId)],
    ["personId", JSON.stringify(personId)],
    ["id", JSON.stringify(planted)],
    ["role", '"owner"'],
    ["isAdmin", "true"],
    ["platformAdmin", "true"],
    ["permissions", JSON.stringify(permissions)],
    ["scope", "null"],
    ["expiresAt", '"2099-01-01T00:00:00.000Z"'],
    ["planted", JSON.stringify(planted)],
    ["__proto__", `{"isAdmin":true,"planted":${JSON.stringify(planted)}}`],
    ["constructor", '{"prototype":{"isAdmin":true}}'],
  ];
}

/** The same JSON with one more property in the object that `at` counts. */
function withExtra(text: string, at: number, name: string, json: string): string {
  let seen = -1;
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|\{\}?/g, (part) => {
    if (!part.startsWith("{")) return part;
    seen += 1;
    if (seen !== at) return part;
    return part === "{}" ? `{"${name}":${json}}` : `{"${name}":${json},`;
  });
}

const objectsIn = (text: string): number => (text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").match(/\{/g) ?? []).length;

/** Mass assignment: faults of an operation that takes what nobody offered to set. */
export async function tryExtras(world: World, cells: readonly Cell[]): Promise<{ tried: number; faults: string[] }> {
  const cell = boldest(cells);
  if (cell?.row.body === undefined || cell.row.freeForm === true) return { tried: 0, faults: [] };
  const { operation, row, caller } = cell;
  const ids = world.places[cell.place];
  const text = JSON.stringify(row.body?.(ids, world, caller));
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? `no-${name}`));
  const query = new URLSearchParams(row.query?.(ids)).toString();
  const before = await world.stored.hashes();
  const faults: string[] = [];
  let tried = 0;
  let taken = 0;
  for (let at = 0; at < objectsIn(text); at += 1) {
    for (const [name, json] of extrasFor(world)) {
      const body = withExtra(text, at, name, json);
      // Where it is one of its own properties, what it may be is the matrix's business.
      if (name !== "__proto__" && operation.allowsBody(JSON.parse(body)) && operation.namesInBody.has(name)) continue;
      const answer = await caller.wire.send({
        method: operation.method,
        path: query === "" ? path : `${path}?${query}`,
        headers: { "content-type": "application/json", ...caller.headers, ...row.headers },
        body,
      });
      tried += 1;
      faults.push(...operation.faultsOf(answer).map((fault) => `${nameOf(cell)}: with ${name} ${fault}`));
      if (answer.status >= 400) continue;
      taken += 1;
      const planted = /"([0-9a-f-]{36})"/.exec(json)?.[1];
      if (name === "__proto__" || name === "constructor") faults.push(`${nameOf(cell)}: took ${name}`);
      if ((name === "planted" || name === "id") && planted !== undefined) {
        const tables = await world.stored.tablesWith(planted);
        if (tables.length > 0 || answer.body.includes(planted)) faults.push(`${nameOf(cell)}: ${name} stands in ${tables.join(", ")}`);
      }
    }
  }
  const changed = changedTables(before, await world.stored.hashes());
  const rights = changed.filter((table) => ["memberships", "people", "roles", "organisations"].includes(table));
  if (rights.length > 0) faults.push(`${operation.id}: what was only named changed ${rights.join(", ")}`);
  if (taken === 0 && changed.length > 0) faults.push(`${operation.id}: refused, and yet ${changed.join(", ")} changed`);
  return { tried, faults };
}

/** N-F24: whose things they are is told by who asks, and by nothing that a request says beside. */
export async function trySpoofing(world: World, cells: readonly Cell[], leaks: LeakCheck): Promise<{ tried: number; faults: string[] }> {
  const { organisationId = "" } = world.places.b;
  const spoofed = ["organisationId", "organisation_id", "organization", "tenant", "tenantId", "tenant_id", "orgId"];
  const headers = Object.fromEntries(
    ["x-organisation-id", "x-organization-id", "x-tenant-id", "x-tenant", "x-org-id", "x-roost-organisation"].map((name) => [
      name,
      organisationId,
    ]),
  );
  const faults: string[] = [];
  const reads = cells.filter(
    ({ operation, caller, expected, row }) =>
      operation.method === "GET" && expected === "done" && row.fresh === undefined && caller.name === "owner A",
  );
  for (const cell of reads) {
    const ids = world.places[cell.place];
    const path = cell.operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? ""));
    const query = new URLSearchParams({ ...cell.row.query?.(ids), ...Object.fromEntries(spoofed.map((name) => [name, organisationId])) });
    const answer = await cell.caller.wire.send({
      method: "GET",
      path: `${path}?${query.toString()}`,
      headers: { ...cell.caller.headers, ...headers },
    });
    faults.push(...leaks(cell, answer, [ids]));
  }
  return { tried: reads.length, faults };
}
