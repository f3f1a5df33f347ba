import { readFileSync } from "node:fs";

import type { KitCommand, KitTerminal } from "@roost/contract/kit-cli";

import {
  analyzePlant,
  careCliErrors,
  careProvider,
  changeCareSettings,
  getCarePlan,
  getCareQueue,
  getCareSettings,
  getCareUsage,
  testCareModel,
} from "../contract/care.ts";
import type { CarePlan, CareSettings, CareSettingsChange, CareWork } from "../contract/care.ts";
import { listPlants } from "../contract/plants.ts";
import type { PlantId } from "../contract/plants.ts";

const show: KitCommand = {
  usage: "care <plant>",
  summary: "Shows a plant's care plan with the readings it rests on; with --ask, asks for a new one and waits for it.",
  options: [{ flags: "--ask", about: "ask the model for a new plan; it is paid for by the model's price" }],
  async run(terminal, { args, options }) {
    const plantId = await plantOf(terminal, args[0] ?? "");
    if (options["ask"] === true) await askAndWait(terminal, plantId);
    const { plan, work, drift } = await terminal.call(getCarePlan, { params: { plantId } });
    if (work.state !== "done") terminal.note(work.message);
    for (const { text, isFar } of drift) if (isFar) terminal.note(text);
    if (plan === undefined) return terminal.printRows(["part", "says", "rests on"], [], []);
    terminal.printRows(["part", "says", "rests on"], rowsOf(plan), plan);
  },
};

const settings: KitCommand = {
  usage: "care-settings",
  summary: "Shows which model writes care plans, or sets it.",
  options: [
    { flags: "--provider <provider>", about: "whose model", choices: [...careProvider.options] },
    { flags: "--model <name>", about: "which one" },
    { flags: "--address <url>", about: "where a compatible one is, such as http://192.168.1.20:11434/v1" },
    { flags: "--key-file <file>", about: "a file that holds the key; - reads it from standard input" },
    { flags: "--cap <cents>", about: "what a month may cost, in US cents" },
    { flags: "--price <in,out>", about: "US dollars for a million tokens, in and out; 0,0 for a model of your own" },
    { flags: "--weekly <yes-or-no>", about: "whether plans are renewed each week", choices: ["yes", "no"] },
    { flags: "--on-change <yes-or-no>", about: "whether a strong change asks for a new one", choices: ["yes", "no"] },
  ],
  async run(terminal, { options }) {
    const body = changeOf(options);
    const isChange = Object.keys(body).length > 0;
    const now = isChange ? await terminal.call(changeCareSettings, { body }) : await terminal.call(getCareSettings, {});
    showSettings(terminal, now);
  },
};

const test: KitCommand = {
  usage: "care-test",
  summary: "Asks the model for one word and says how it went.",
  async run(terminal) {
    const { ok, message, latencyMs } = await terminal.call(testCareModel, {});
    terminal.printRows(["answers", "message", "ms"], [{ answers: ok, message, ms: latencyMs }], { ok, message, latencyMs });
  },
};

const usage: KitCommand = {
  usage: "care-usage",
  summary: "Shows what care plans cost, by month, and what of the work on them waits.",
  async run(terminal) {
    const [{ months, capCents }, queue] = await Promise.all([terminal.call(getCareUsage, {}), terminal.call(getCareQueue, {})]);
    terminal.printRows(
      ["month", "cents", "cap", "calls", "failed", "tokens in", "tokens out"],
      months.map((one) => ({
        month: one.month,
        cents: one.spentCents,
        cap: capCents,
        calls: one.calls,
        failed: one.failedCalls,
        "tokens in": one.inputTokens,
        "tokens out": one.outputTokens,
      })),
      { months, capCents, queue },
    );
    for (const { plantName, state, message } of queue.items) if (state !== "done") terminal.note(`${plantName}: ${message}`);
  },
};

/** What the care advisor adds to `roost garden`. */
export const careCommands: readonly KitCommand[] = [show, settings, test, usage];

/** By id, or by a name that only one plant has. */
async function plantOf(terminal: KitTerminal, said: string): Promise<PlantId> {
  if (/^[0-9a-f-]{36}$/i.test(said)) return said as PlantId;
  const { items } = await terminal.call(listPlants, { query: { q: said, limit: 200 } });
  const named = items.filter(({ name }) => name.toLowerCase() === said.toLowerCase());
  const [only] = named.length > 0 ? named : items;
  if (only === undefined || named.length > 1 || (named.length === 0 && items.length > 1)) throw careCliErrors.which_plant({ plant: said });
  return only.id;
}

async function askAndWait(terminal: KitTerminal, plantId: PlantId): Promise<CareWork> {
  let work = await terminal.call(analyzePlant, { params: { plantId } });
  terminal.progress("The model is asked…");
  while ((work.state === "queued" || work.state === "running") && !terminal.signal.aborted) {
    await pause(terminal.signal);
    work = (await terminal.call(getCarePlan, { params: { plantId } })).work;
  }
  terminal.progress(undefined);
  return work;
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 500);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

function changeOf(options: Readonly<Record<string, string | true | undefined>>): CareSettingsChange {
  const word = (name: string) => (typeof options[name] === "string" ? options[name] : undefined);
  const [provider, model, url, keyFile] = [word("provider"), word("model"), word("address"), word("keyFile")];
  const [cap, price, weekly, onChange] = [word("cap"), word("price"), word("weekly"), word("onChange")];
  const refresh = {
    ...(weekly === undefined ? {} : { weekly: weekly === "yes" }),
    ...(onChange === undefined ? {} : { onStrongChange: onChange === "yes" }),
  };
  return {
    ...(provider === undefined ? {} : { provider: careProvider.parse(provider) }),
    ...(model === undefined ? {} : { model }),
    ...(url === undefined ? {} : { baseUrl: url }),
    // Never from an argument: those are seen by everybody on the machine, and kept by shells.
    ...(keyFile === undefined ? {} : { apiKey: readFileSync(keyFile === "-" ? 0 : keyFile, "utf8").trim() }),
    ...(cap === undefined ? {} : { monthlyCapCents: Number(cap) }),
    ...(price === undefined ? {} : { price: priceOf(price) }),
    ...(Object.keys(refresh).length === 0 ? {} : { refresh }),
  };
}

function priceOf(text: string): { inputPerMillion: number; outputPerMillion: number } {
  const [inputPerMillion = Number.NaN, outputPerMillion = Number.NaN, ...more] = text.split(",").map(Number);
  if (more.length > 0 || !Number.isFinite(inputPerMillion) || !Number.isFinite(outputPerMillion)) throw careCliErrors.bad_price();
  return { inputPerMillion, outputPerMillion };
}

function showSettings(terminal: KitTerminal, settings: CareSettings): void {
  const { provider, model, baseUrl, apiKeySet, apiKeyMasked, price, monthlyCapCents, refresh, message } = settings;
  terminal.printRows(
    ["setting", "value"],
    [
      { setting: "provider", value: provider },
      { setting: "model", value: model },
      { setting: "address", value: baseUrl },
      { setting: "key", value: apiKeySet ? (apiKeyMasked ?? "set") : "none" },
      { setting: "price", value: price === undefined ? "not known" : `$${price.inputPerMillion} in, $${price.outputPerMillion} out` },
      { setting: "cap a month", value: `${monthlyCapCents} cents` },
      { setting: "renewed each week", value: refresh.weekly },
      { setting: "renewed on a strong change", value: refresh.onStrongChange },
      { setting: "state", value: message },
    ],
    settings,
  );
}

function rowsOf({ body }: CarePlan): { part: string; says: string; "rests on": string }[] {
  const { summary, watering, alerts, tips } = body;
  const on = (cites: CarePlan["body"]["watering"]["cites"]) =>
    cites.map(({ metric, value, unit, measuredAt }) => `${metric} ${value} ${unit} at ${measuredAt.toISOString()}`).join("; ");
  const sections = (["light", "humidity", "temperature"] as const).map((part) => {
    const { current, ideal, recommendation, cites } = body[part];
    const was = current === undefined ? "" : `Now ${current.value} ${current.unit}. `;
    return { part, says: `${was}Ideal: ${ideal}. ${recommendation}`, "rests on": on(cites) };
  });
  return [
    { part: "summary", says: summary.text, "rests on": on(summary.cites) },
    {
      part: "watering",
      says: `${watering.frequency}; ${watering.amount}; next on ${watering.nextDate}`,
      "rests on": on(watering.cites),
    },
    ...sections,
    ...alerts.map(({ text, cites }) => ({ part: "alert", says: text, "rests on": on(cites) })),
    ...tips.map(({ text, cites }) => ({ part: "tip", says: text, "rests on": on(cites) })),
  ];
}
