import type { KitWebFace } from "@roost/web/parts/kit-face.ts";

/** What kits show in the browser. */
export const webFaces: readonly KitWebFace[] = [];
