import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { metricName } from "@roost/contract/ids";
import type { KitManifest } from "@roost/contract/kit";
import { permissions } from "@roost/contract/permissions";
import { contractFields } from "@roost/contract/personal";
import { ruleFields } from "@roost/contract/rules";
import { units } from "@roost/contract/units";
import { describe, expect, it } from "vitest";

import { kitRoutes } from "./kit-routes.ts";
import { kits } from "./kits.ts";
import { serverFaces } from "./server-faces.ts";

const folderOf = ({ id }: KitManifest) => fileURLToPath(new URL(`./${id}/`, import.meta.url));

describe("every kit", () => {
  it("has an id and device kinds of its own", () => {
    const ids = kits.map((kit) => kit.id);
    const kinds = kits.flatMap((kit) => Object.keys(kit.deviceKinds));
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds.length).toBeGreaterThan(0);
  });

  it("explains each metric, with a legal name, a known unit and limits the right way round", () => {
    for (const kit of kits) {
      for (const kind of Object.values(kit.deviceKinds)) {
        for (const [name, metric] of Object.entries(kind.metrics)) {
          expect(metricName.safeParse(name).success, name).toBe(true);
          expect(units).toContain(metric.unit);
          expect(metric.about.length, name).toBeGreaterThan(10);
          if (metric.min !== undefined && metric.max !== undefined) expect(metric.min, name).toBeLessThan(metric.max);
        }
        for (const [name, command] of Object.entries(kind.commands ?? {})) {
          expect(command.about.length, name).toBeGreaterThan(10);
          expect(command.expiresAfterSeconds, name).toBeGreaterThan(0);
        }
      }
    }
  });

  it("has rules that can be, about metrics of its own devices", () => {
    for (const kit of kits) {
      for (const [name, { deviceKind, ...rule }] of Object.entries(kit.rules ?? {})) {
        const fields = ruleFields.parse({ ...rule, scope: { kind: deviceKind } });
        const { metric } = fields.condition as { metric?: string };
        expect(kit.deviceKinds, name).toHaveProperty([deviceKind]);
        if (metric !== undefined) expect(Object.keys(kit.deviceKinds[deviceKind]?.metrics ?? {}), name).toContain(metric);
      }
    }
  });

  it("T-F09, S15: says of every free text of its routes what it tells of a person or a device", () => {
    for (const [id, own] of Object.entries(kitRoutes)) {
      const fields = contractFields(own);
      expect(fields.length, id).toBeGreaterThan(0);
      const open = fields.filter((field) => field.isFree && field.kind === undefined);
      expect(open.map(({ operation, part, path }) => `${operation} ${part} ${path}`)).toEqual([]);
    }
  });

  it("needs no setting to begin with, and says who may what in the contract's own list", () => {
    for (const kit of kits) {
      expect(kit.settings?.safeParse({}).success ?? true, kit.id).toBe(true);
      for (const permission of kit.permissions ?? []) expect(permission.startsWith(`${kit.id}:`), permission).toBe(true);
      const listed = permissions.filter((permission) => permission.startsWith(`${kit.id}:`));
      expect([...(kit.permissions ?? [])].sort(), kit.id).toEqual([...listed].sort());
    }
  });

  it("has a page for whoever operates it", () => {
    for (const kit of kits) if (kit.alwaysOn !== true) expect(existsSync(`${folderOf(kit)}README.md`), kit.id).toBe(true);
  });

  it("stands in every list it has a face for, with the same routes", () => {
    for (const { kit, routes } of serverFaces) {
      expect(kits).toContain(kit);
      expect(kitRoutes[kit.id], kit.id).toEqual(routes);
    }
    expect(Object.keys(kitRoutes).sort()).toEqual(serverFaces.map(({ kit }) => kit.id).sort());
  });

  it("keeps to tables of its own: its SQL reads and writes its own schema, and of the platform what row-level security guards", () => {
    for (const kit of kits) {
      for (const file of globSync("**/*.ts", { cwd: folderOf(kit) })) {
        const text = readFileSync(`${folderOf(kit)}${file}`, "utf8");
        for (const [, statement = ""] of text.matchAll(/sql`([^`]*)`/g)) {
          for (const [, table = ""] of statement.matchAll(/(?<!for |for no key |do )\b(?:insert into|update|delete from)\s+([a-z_.]+)/gi)) {
            expect(table.startsWith(`kit_${kit.id}.`), `${kit.id}/${file}: ${table}`).toBe(true);
          }
        }
      }
    }
  });
});
