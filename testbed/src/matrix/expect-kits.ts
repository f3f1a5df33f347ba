import { switchKit } from "@roost/contract/kits";
import { kits } from "@roost/kits/kits";

import type { Place } from "./callers.ts";
import { wholeOrganisation } from "./expectation.ts";
import type { Expectations } from "./expectation.ts";
import type { Ids, World } from "./stage.ts";

/** A kit that can be switched; which one does not matter. */
const kitId = kits.find(({ alwaysOn }) => alwaysOn !== true)?.id ?? "none";

const some = async ({ places }: Pick<World, "places">, place: Place): Promise<Ids> => ({ ...places[place], kitId });

/** The kits of the installation, as far as an organisation switches and sets them. */
export const kitExpectations: Expectations = {
  listKits: { object: "none" },
  switchKit: { except: [wholeOrganisation], object: "none", fresh: some, body: () => ({ on: true }) },
  checkKit: {
    object: "none",
    fresh: async (world, place) => {
      await world.owner(place)(switchKit, { params: { kitId }, body: { on: true } });
      return some(world, place);
    },
  },
  getKitSettings: { object: "none", fresh: some },
  changeKitSettings: { except: [wholeOrganisation], object: "none", fresh: some, body: () => ({}), freeForm: true },
};
