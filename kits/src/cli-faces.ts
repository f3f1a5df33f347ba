import type { KitCliFace } from "@roost/contract/kit-cli";

/** What kits add to the command line. */
export const cliFaces: readonly KitCliFace[] = [];
