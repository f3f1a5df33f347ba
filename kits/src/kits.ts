import type { KitManifest } from "@roost/contract/kit";

import { hostKit } from "./host/kit.ts";

/** The manifests of all kits, for everyone. Adding a kit is a folder and a line here. */
export const kits: readonly KitManifest[] = [hostKit];
