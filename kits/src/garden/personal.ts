import type { KitTableShare } from "@roost/contract/kit-host";

/** What the garden keeps of people and nodes, table by table. */
export const gardenPersonal: readonly KitTableShare[] = [
  {
    table: "kit_garden.plants",
    about: "Plants: names, places and notes, as people wrote them.",
    words: ["name", "species", "place", "notes"],
  },
  {
    table: "kit_garden.assignments",
    about: "When the node stood at which plant, and who put it there or took it away.",
    people: ["assigned_by", "ended_by"],
    words: ["device_name"],
    device: { column: "device_id", erase: "delete" },
  },
  {
    table: "kit_garden.photos",
    about: "Photos of plants that the person added; the pictures are the organisation's.",
    people: ["added_by"],
  },
  {
    table: "kit_garden.kept_hours",
    about: "What the node measured at plants, by the hour: kept when it is removed, gone when it is erased.",
    device: { column: "device_id", erase: "delete" },
  },
  {
    table: "kit_garden.care_plans",
    about: "Care plans that a model wrote, with the readings they rest on; what people wrote of a plant may stand in them.",
    words: ["body"],
    // Without its readings a plan says nothing that could be looked into.
    device: { column: "body", isJson: true, erase: "delete" },
  },
  {
    table: "kit_garden.node_settings",
    about: "How the node's program is built, and how its soil probe is calibrated; without its secrets.",
    withheld: ["portal_password", "update_key", "signing_key"],
    device: { column: "device_id", erase: "with" },
  },
  {
    table: "kit_garden.care_settings",
    about: "How the organisation has plans written: provider, model, cap, and its key, sealed. Nobody is named.",
    withheld: ["key_sealed", "key_masked"],
  },
  { table: "kit_garden.care_jobs", about: "How far the work on each plant's plan is. Nobody is named." },
  { table: "kit_garden.care_calls", about: "What calls of the organisation's model cost. Nobody is named." },
  { table: "kit_garden.advice_numbers", about: "Numbers that advice goes by, for a species or a plant. Nobody is named." },
];
