import type { KitCliFace } from "@roost/contract/kit-cli";

import { gardenCli } from "./garden/cli.ts";

/** What kits add to the command line. */
export const cliFaces: readonly KitCliFace[] = [gardenCli];
