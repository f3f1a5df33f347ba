import type { KitServerFace } from "@roost/contract/kit-host";

/**
 * What a kit claims beyond its fence: names that do not begin with its own, routes at addresses of the platform.
 *
 * @returns A sentence for each fault; empty for a kit that may start.
 */
export function fenceFaults({ kit, routes, sealedColumns = [], personal = [] }: KitServerFace): string[] {
  const faults: string[] = [];
  const own = `/api/v1/kits/${kit.id}/`;
  for (const { operation, path, access, errors = [] } of routes) {
    if (!operation.startsWith(kit.id)) faults.push(`The operation ${operation} does not begin with ${kit.id}.`);
    if (!path.startsWith(own) && (path.startsWith("/api/v1/") || !path.startsWith("/api/"))) {
      faults.push(`The route ${path} lies neither below ${own} nor among the old addresses outside of /api/v1.`);
    }
    if (access === "public" || access === "device") faults.push(`The route ${path} is open to ${access}; a kit has no such routes.`);
    for (const { code } of errors) {
      if (isForeign(code, kit.id)) faults.push(`The route ${path} answers the code ${code}, which is another kit's.`);
    }
  }
  for (const permission of kit.permissions ?? []) {
    if (!permission.startsWith(`${kit.id}:`)) faults.push(`The permission ${permission} does not begin with ${kit.id}:.`);
  }
  for (const { table } of [...sealedColumns, ...personal]) {
    if (!table.startsWith(`kit_${kit.id}.`)) faults.push(`The table ${table} does not lie in the schema kit_${kit.id}.`);
  }
  return faults;
}

// Codes of the platform may be answered by a kit: a device that is not found is one code everywhere.
function isForeign(code: string, id: string): boolean {
  return code.startsWith("kit_") && !code.startsWith(`kit_${id}`);
}
