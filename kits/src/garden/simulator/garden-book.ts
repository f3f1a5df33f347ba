import type { KitTerminal } from "@roost/contract/kit-cli";

import { listNodes } from "../contract/nodes.ts";
import { addPlant, assignNode, listPlants } from "../contract/plants.ts";
import type { PlantId } from "../contract/plants.ts";
import { listPresets } from "../contract/presets.ts";
import type { Chance } from "./chance.ts";
import type { Part, Species } from "./month.ts";
import { patiently } from "./patience.ts";

type Asking = Pick<KitTerminal, "call" | "signal">;

const pageSize = 200;

/** The species that plants of a story are of, in an order that the chance decides. */
export async function speciesOf({ call }: Asking, chance: Chance): Promise<[Species, ...Species[]]> {
  const { items } = await call(listPresets, {});
  const known = items.flatMap(({ id, name, limits }): Species[] => {
    const { soil_moisture: soil, light_level: light } = limits;
    if (soil === undefined || soil.min === null || soil.max === null) return [];
    return [
      {
        presetId: id,
        name,
        soil: { min: soil.min, max: soil.max },
        ...(light === undefined ? {} : { light: { min: light.min ?? 200, max: light.max ?? 40_000 } }),
      },
    ];
  });
  const [first, ...others] = known.toSorted((a, b) => chance.unit(a.presetId, 0) - chance.unit(b.presetId, 0));
  if (first === undefined) throw new Error("The table of species has none with limits of soil moisture.");
  return [first, ...others];
}

/** What is on record of a story that was told before: which node stands at which plant, and plants that wait for theirs. */
export interface Book {
  readonly plantOfNode: ReadonlyMap<string, PlantId>;
  readonly waitingByName: ReadonlyMap<string, PlantId>;
}

export async function readBook(asking: Asking, prefix: string): Promise<Book> {
  const { call } = asking;
  const plantOfNode = new Map<string, PlantId>();
  for (let cursor: string | undefined; ;) {
    const page = await call(listNodes, { query: { limit: pageSize, q: prefix, ...(cursor === undefined ? {} : { cursor }) } });
    for (const node of page.items) if (node.plant !== undefined) plantOfNode.set(node.id, node.plant.id);
    if ((cursor = page.next) === undefined) break;
  }
  const waitingByName = new Map<string, PlantId>();
  for (let cursor: string | undefined; ;) {
    const page = await call(listPlants, { query: { limit: pageSize, ...(cursor === undefined ? {} : { cursor }) } });
    for (const plant of page.items) if (plant.nodes.length === 0) waitingByName.set(plant.name, plant.id);
    if ((cursor = page.next) === undefined) break;
  }
  return { plantOfNode, waitingByName };
}

/** The plant of a part: the one its node stands at, one that waits under its name, or a new one. */
export async function plantFor(asking: Asking, book: Book, nodeId: string, part: Part, place: { x: number; y: number }): Promise<PlantId> {
  const known = book.plantOfNode.get(nodeId) ?? book.waitingByName.get(part.name);
  if (known !== undefined) return known;
  const { id } = await patiently(asking.signal, () =>
    asking.call(addPlant, {
      body: {
        name: part.name.slice(0, 80),
        species: part.species.name,
        presetId: part.species.presetId,
        place: part.spot.name,
        position: place,
      },
    }),
  );
  return id;
}

/** Puts a node at its plant since the story began. */
export async function putAt(asking: Asking, plantId: PlantId, deviceId: string, since: Date): Promise<void> {
  await patiently(asking.signal, () => asking.call(assignNode, { params: { plantId }, body: { deviceId, since: since.toISOString() } }));
}
