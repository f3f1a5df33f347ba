import type { KitManifest } from "@roost/contract/kit";

import { gardenKit } from "./garden/kit.ts";
import { hostKit } from "./host/kit.ts";

/** The manifests of all kits, for everyone. Adding a kit is a folder and a line in each list of this one. */
export const kits: readonly KitManifest[] = [hostKit, gardenKit];
