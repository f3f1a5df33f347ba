import type { KitManifest } from "@roost/contract/kit";
import type { KitServerFace } from "@roost/contract/kit-host";
import { answeredRoutes } from "@roost/contract/kits";
import type { Route } from "@roost/contract/route";
import { kitRoutes } from "@roost/kits/kit-routes";
import { kits } from "@roost/kits/kits";
import { serverFaces } from "@roost/kits/server-faces";

import type { Config } from "./config.ts";
import { kitShares } from "./kit-shares.ts";
import { kitSealedColumns } from "./sealed-columns.ts";

/** The kits of this installation: all there are, or those that were named. */
export function chosenKits({ ROOST_KITS: named }: Config): {
  readonly manifests: readonly KitManifest[];
  readonly faces: readonly KitServerFace[];
  /** For the reference, with all they answer. */
  readonly routes: readonly Route[];
} {
  const isChosen = (id: string) => named.length === 0 || named.includes(id);
  return {
    manifests: kits.filter(({ id, alwaysOn }) => alwaysOn === true || isChosen(id)),
    faces: serverFaces.filter(({ kit }) => isChosen(kit.id)),
    routes: Object.entries(kitRoutes).flatMap(([id, own]) => (isChosen(id) ? answeredRoutes(own) : [])),
  };
}

/** What stands in tables of kits, also of those that are not chosen any more: their keys are rotated, and people erased from them, all the same. */
export const keptByKits = { sealedColumns: kitSealedColumns(serverFaces), shares: kitShares(serverFaces) };
