import type { KitServerFace } from "@roost/contract/kit-host";

/** What kits do inside the server. */
export const serverFaces: readonly KitServerFace[] = [];
