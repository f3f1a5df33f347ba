import type { KitWebFace } from "@roost/web/parts/kit-face.ts";

import { gardenWeb } from "./garden/web.tsx";

/** What kits show in the browser. */
export const webFaces: readonly KitWebFace[] = [gardenWeb];
