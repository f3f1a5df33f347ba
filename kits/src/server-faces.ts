import type { KitServerFace } from "@roost/contract/kit-host";

import { gardenServer } from "./garden/server.ts";

/** What kits do inside the server. */
export const serverFaces: readonly KitServerFace[] = [gardenServer];
