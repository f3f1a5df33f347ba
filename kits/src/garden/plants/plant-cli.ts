import type { KitCommand } from "@roost/contract/kit-cli";

import { limitedMetrics } from "../contract/limits.ts";
import { listNodes } from "../contract/nodes.ts";
import { addPlant, assignNode, listPlants, plantState, removePlant, unassignNode } from "../contract/plants.ts";
import type { Plant } from "../contract/plants.ts";
import { plantNamed } from "../health/health-cli.ts";

/** More are fetched page by page. */
const pageLimit = "200";

const plants: KitCommand = {
  usage: "plants [text]",
  summary: "Lists plants with their state and newest values: those whose name, species or place holds the text.",
  options: [{ flags: "--state <state>", about: "Only those in this state.", choices: plantState.options }],
  async run(terminal, { args, options }) {
    const items: Plant[] = [];
    let cursor: string | undefined;
    do {
      const answer = await terminal.call(listPlants, {
        query: {
          limit: pageLimit,
          ...(args[0] === undefined ? {} : { q: args[0] }),
          ...(typeof options["state"] === "string" ? { state: plantState.parse(options["state"]) } : {}),
          ...(cursor === undefined ? {} : { cursor }),
        },
      });
      items.push(...answer.items);
      cursor = answer.next;
    } while (cursor !== undefined);
    const rows = items.map(({ id, name, species, place, state, newestAt, latest, nodes, openAlarms }) => ({
      id,
      name,
      species,
      place,
      state,
      measured: newestAt,
      ...Object.fromEntries(limitedMetrics.map((metric) => [metric, latest.find((one) => one.metric === metric)?.value])),
      nodes: nodes.map((node) => node.deviceId).join(" "),
      alarms: openAlarms,
    }));
    terminal.printRows(["name", "species", "place", "state", "measured", ...limitedMetrics, "nodes", "alarms", "id"], rows, items);
  },
};

const addOne: KitCommand = {
  usage: "add-plant <name>",
  summary: "Adds a plant; with a species it gets the limits of its kind.",
  options: [
    { flags: "--species <id>", about: "A species of the table: roost garden species." },
    { flags: "--place <words>", about: "Where it stands." },
    { flags: "--node <node>", about: "The node that stands at it." },
  ],
  async run(terminal, { args, options }) {
    const { species, place, node } = options;
    const added = await terminal.call(addPlant, {
      body: {
        name: args[0] ?? "",
        ...(typeof species === "string" ? { presetId: species } : {}),
        ...(typeof place === "string" ? { place } : {}),
      },
    });
    if (typeof node === "string") await terminal.call(assignNode, { params: { plantId: added.id }, body: { deviceId: node } });
    terminal.printRows(["id", "name", "species"], [{ id: added.id, name: added.name, species: added.species }], added);
  },
};

const removeOne: KitCommand = {
  usage: "remove-plant <plant>",
  summary: "Removes a plant, by its name or id; its nodes stay, with all they measured. --confirm repeats its name.",
  options: [{ flags: "--confirm <name>", about: "The plant's name, once more." }],
  async run(terminal, { args, options }) {
    const plantId = await plantNamed(terminal, args[0] ?? "");
    const confirm = options["confirm"];
    await terminal.call(removePlant, { params: { plantId }, query: { confirm: typeof confirm === "string" ? confirm : "" } });
    terminal.note("The plant is removed.");
  },
};

const nodes: KitCommand = {
  usage: "nodes [text]",
  summary: "Lists the garden's nodes with their plants and state.",
  options: [{ flags: "--unassigned", about: "Only those that stand at no plant." }],
  async run(terminal, { args, options }) {
    const { items, next } = await terminal.call(listNodes, {
      query: {
        limit: pageLimit,
        ...(args[0] === undefined ? {} : { q: args[0] }),
        ...(options["unassigned"] === true ? { assigned: "no" as const } : {}),
      },
    });
    const rows = items.map(({ id, name, state, plant, lastSeenAt, macAddress, openAlarms }) => ({
      id,
      name,
      state,
      plant: plant?.name,
      seen: lastSeenAt,
      address: macAddress,
      alarms: openAlarms,
    }));
    terminal.printRows(["id", "name", "state", "plant", "seen", "address", "alarms"], rows, items);
    if (next !== undefined) terminal.note(`The first ${items.length} are shown; name a part of a name for others.`);
  },
};

const assign: KitCommand = {
  usage: "assign <node> <plant>",
  summary: "Puts a node, named by its id, at a plant; from another it moves.",
  async run(terminal, { args }) {
    const plantId = await plantNamed(terminal, args[1] ?? "");
    const plant = await terminal.call(assignNode, { params: { plantId }, body: { deviceId: args[0] ?? "" } });
    terminal.printRows(["plant", "nodes"], [{ plant: plant.name, nodes: plant.nodes.map((node) => node.deviceId).join(" ") }], plant);
  },
};

const unassign: KitCommand = {
  usage: "unassign <node> <plant>",
  summary: "Takes a node, named by its id, from a plant.",
  async run(terminal, { args }) {
    const plantId = await plantNamed(terminal, args[1] ?? "");
    await terminal.call(unassignNode, { params: { plantId, deviceId: args[0] ?? "" } });
    terminal.note("The node stands at no plant now.");
  },
};

export const plantCommands: readonly KitCommand[] = [plants, addOne, removeOne, nodes, assign, unassign];
