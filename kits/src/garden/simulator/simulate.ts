import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import type { ClaimReply } from "@roost/contract/claim";
import type { KitCell, KitCommand, KitTerminal } from "@roost/contract/kit-cli";

import { firmwareVersion } from "../firmware/node-build.ts";
import { createChance } from "./chance.ts";
import { createClimate } from "./climate.ts";
import { faultsOf } from "./faults.ts";
import { plantFor, putAt, readBook, speciesOf } from "./garden-book.ts";
import { createLedger } from "./ledger.ts";
import type { Summary } from "./ledger.ts";
import { createMonth } from "./month.ts";
import type { Part } from "./month.ts";
import { createNodeScript } from "./node-script.ts";
import { createPlant } from "./plant.ts";
import { readWishes, wishOptions } from "./simulate-wishes.ts";
import type { Wishes } from "./simulate-wishes.ts";
import { gardenSimulatorErrors } from "./simulator-errors.ts";
import { countStored } from "./stored.ts";
import type { Stored } from "./stored.ts";
import { liveOn, tellPast } from "./telling.ts";
import type { Told } from "./telling.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Half of what the door holds of one address that have not signed in yet. */
const connectsAtOnce = 20;
const connectPatienceMs = 20_000;
const answerPatienceMs = 15_000;
/** Until what is under way when the story ends is known to be stored. */
const settleMs = 300;

/** `roost simulate garden`. */
export const simulateGarden: KitCommand = {
  usage: "garden",
  summary: "Adds plants with nodes and tells their story over MQTT and TLS: a month with its past, then live; or every fault at once.",
  options: wishOptions,
  async run(terminal, { options }) {
    const story = await begin(terminal, readWishes(options));
    const told = await connect(terminal, story);
    const ends = await tell(terminal, story, told);
    await settle(terminal, story, told, ends);
  },
};

interface Story {
  readonly wishes: Wishes;
  readonly nodeIds: readonly string[];
  readonly parts: readonly Part[];
  readonly credentials: readonly ClaimReply[];
  readonly before: ReadonlyMap<string, Stored>;
  readonly fromMs: number;
  readonly startedMs: number;
  readonly ledger: ReturnType<typeof createLedger>;
  assign(index: number): Promise<void>;
}

/** Plants and nodes, those of an earlier run first; what is stored of them already; and what is to be told. */
async function begin(terminal: KitTerminal, wishes: Wishes): Promise<Story> {
  const { plants, seed, days, prefix, scenario, intervalMs, place } = wishes;
  const chance = createChance(seed);
  const nodeIds = Array.from({ length: plants }, (_, index) => `${prefix}-${String(index + 1).padStart(4, "0")}`);
  const species = await speciesOf(terminal, chance.of("species"));
  const book = await readBook(terminal, prefix);
  const credentials = await terminal.claimFleet(nodeIds, {
    kind: "garden-node",
    nameOf: (id) => `Simulated node ${Number(id.slice(-4))}`,
    heartbeatSeconds: Math.max(1, intervalMs / 1_000),
    onClaimed: (done) => terminal.progress(`claimed ${done} of ${plants}`),
  });
  const before = await countStored(terminal, nodeIds, (done) => terminal.progress(`looked at ${done} of ${plants}`));
  const startedMs = terminal.nowMs();
  const firsts = [...before.values()].flatMap(({ firstMs }) => firstMs ?? []);
  // The story of an earlier run goes on: it began with a day, and so did its first reading.
  const beganMs = Math.min(startedMs - (scenario === "month" ? days * dayMs : 0), ...firsts);
  const fromMs = scenario === "month" ? Math.floor(beganMs / dayMs) * dayMs : Math.floor(startedMs / minuteMs) * minuteMs;
  const month = createMonth({ chance, species, plants, fromMs, days, longitude: place.longitude });
  const parts = month.map((part, index): Part => {
    if (scenario === "month") return part;
    const beats = Math.ceil(dayMs / intervalMs);
    return { ...part, incidents: scenario === "faults" ? faultsOf(index, { fromMs: startedMs, intervalMs, beats }) : [] };
  });
  return {
    wishes,
    nodeIds,
    parts,
    credentials,
    before,
    fromMs,
    startedMs,
    ledger: createLedger(wishes.journal === undefined ? undefined : journalIn(wishes.journal)),
    async assign(index) {
      const nodeId = nodeIds[index] ?? "";
      const part = parts[index];
      if (part === undefined || book.plantOfNode.has(nodeId)) return;
      const columns = Math.ceil(Math.sqrt(plants));
      const position = { x: ((index % columns) + 0.5) / columns, y: (Math.floor(index / columns) + 0.5) / columns };
      await putAt(terminal, await plantFor(terminal, book, nodeId, part, position), nodeId, new Date(fromMs));
    },
  };
}

function journalIn(path: string) {
  return (line: object): void => appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/** One connection for each node, some at a time. */
async function connect(terminal: KitTerminal, { wishes, parts, credentials, fromMs, ledger }: Story): Promise<Told[]> {
  const { signal } = terminal;
  const chance = createChance(wishes.seed);
  const climate = createClimate(chance.of("climate"), wishes.place);
  const intervalMs = wishes.scenario === "month" ? minuteMs : wishes.intervalMs;
  const told: Told[] = [];
  for (let first = 0; first < parts.length && !signal.aborted; first += connectsAtOnce) {
    const some = parts.slice(first, first + connectsAtOnce).flatMap((part, offset): Told[] => {
      const one = credentials[first + offset];
      if (one === undefined) return [];
      const own = chance.of(one.device_id);
      const truth = createPlant({ chance: own, climate, spot: part.spot, pot: part.pot, fromMs });
      const script = createNodeScript({
        deviceId: one.device_id,
        chance: own,
        truth,
        incidents: part.incidents,
        intervalMs,
        clockStepMs: wishes.intervalMs % 1_000 === 0 ? 1_000 : 1,
        startedMs: fromMs - dayMs * own.unit("started", 0) - minuteMs,
        ...(part.batteryFrom === undefined ? {} : { batteryFrom: part.batteryFrom }),
      });
      let asked = 0;
      const link = terminal.connectDevice({
        credentials: one,
        firmwareVersion: `${firmwareVersion}-simulated`,
        random: () => own.unit("link", (asked += 1)),
        onConnected: () => ledger.connected(),
        onDisconnected: () => ledger.disconnected(),
      });
      return [{ deviceId: one.device_id, script, link, ledger, signal }];
    });
    told.push(...some);
    // Those that do not get in go on trying while the others begin.
    const patience = sleep(connectPatienceMs, undefined, { signal, ref: false }).catch(() => undefined);
    await Promise.race([Promise.all(some.map(({ link }) => link.connected)), patience]);
    terminal.progress(`connected ${ledger.summary().connected} of ${parts.length}`);
  }
  return told;
}

/** The past first, where the story has one; each plant gets its node when its past is told, so that rules hear of the present only. */
async function tell(terminal: KitTerminal, story: Story, told: readonly Told[]): Promise<() => Promise<void>> {
  const { wishes, before, fromMs, ledger } = story;
  const { signal } = terminal;
  const { virtualMs } = wishes.scenario === "month" ? past(terminal, story) : { virtualMs: undefined };
  const beganMs = performance.now();
  const show = (): void => {
    const at = virtualMs === undefined ? "" : `${new Date(virtualMs().untilMs).toISOString().slice(0, 16).replace("T", " ")}: `;
    terminal.progress(`${at}${lineOf(ledger.summary(), told.length, performance.now() - beganMs)}`);
  };
  const ticking = setInterval(show, 500);
  const living: ReturnType<typeof liveOn>[] = [];
  async function stop(): Promise<void> {
    clearInterval(ticking);
    terminal.progress("stopping");
    await Promise.all(living.map((life) => life.stop(answerPatienceMs)));
    // Those whose past was cut short have no life to stop.
    if (living.length < told.length) await Promise.all(told.map(({ link }) => link.close({ graceful: link.isConnected })));
  }
  // One after the other: each brings rules along, which are taken in one by one.
  let assigning = Promise.resolve();
  await Promise.all(
    told.map(async (one, index) => {
      if (virtualMs !== undefined) {
        const afterMs = before.get(one.deviceId)?.latestMs ?? 0;
        await tellPast(one, { fromMs, afterMs, virtualMs });
      }
      if (signal.aborted) return;
      const life = liveOn(one, { intervalMs: wishes.intervalMs, nowMs: terminal.nowMs });
      living.push(life);
      // A fleet does not beat in one beat.
      life.start(terminal.nowMs() + createChance(wishes.seed).of(one.deviceId).unit("phase", 0) * wishes.intervalMs);
      await (assigning = assigning.then(() => (signal.aborted ? undefined : story.assign(index))));
    }),
  ).catch(async (error: unknown) => {
    if (signal.aborted) return;
    await stop();
    throw error;
  });
  if (wishes.durationMs !== 0) await sleep(wishes.durationMs ?? 2_147_483_647, undefined, { signal }).catch(() => undefined);
  return stop;
}

/** Time as the story has it: so many times faster than ours, until it meets the present. */
function past(terminal: KitTerminal, { wishes, fromMs, before }: Story) {
  const latests = [...before.values()].flatMap(({ latestMs }) => latestMs ?? []);
  const beginsMs = latests.length === wishes.plants ? Math.max(fromMs, Math.min(...latests)) : fromMs;
  const beganMs = terminal.nowMs();
  return {
    virtualMs(): { untilMs: number; isNow: boolean } {
      const nowMs = terminal.nowMs();
      const untilMs = beginsMs + (nowMs - beganMs) * wishes.speed;
      return untilMs >= nowMs ? { untilMs: nowMs, isNow: true } : { untilMs, isNow: false };
    },
  };
}

/** Ends the story and compares its books with what is stored. */
async function settle(terminal: KitTerminal, story: Story, told: readonly Told[], ends: () => Promise<void>): Promise<void> {
  await ends();
  await sleep(settleMs);
  const { ledger, nodeIds, wishes, before, startedMs } = story;
  const after = await countStored(terminal, nodeIds, (done) => terminal.progress(`counted ${done} of ${nodeIds.length}`));
  terminal.progress(undefined);
  const differences = nodeIds.flatMap((deviceId) => {
    const [was, is, due] = [before.get(deviceId)?.counts, after.get(deviceId)?.counts, ledger.dueOf(deviceId)];
    return [...due].flatMap(([metric, n]) => {
      const stored = (is?.get(metric) ?? 0) - (was?.get(metric) ?? 0);
      return stored === n ? [] : [{ deviceId, metric, acknowledged: n, stored }];
    });
  });
  const lost = differences.reduce((sum, one) => sum + Math.max(0, one.acknowledged - one.stored), 0);
  const acknowledgedValues = nodeIds.reduce((sum, id) => sum + [...ledger.dueOf(id).values()].reduce((all, n) => all + n, 0), 0);
  const summary = ledger.summary();
  const seconds = Math.round((terminal.nowMs() - startedMs) / 100) / 10;
  const row: Readonly<Record<string, KitCell>> = {
    scenario: wishes.scenario,
    plants: told.length,
    seconds,
    readings: summary.readings,
    acknowledged: summary.acknowledged,
    ...Object.fromEntries(Object.entries(summary.refused).map(([reason, n]) => [`refused ${reason}`, n])),
    unanswered: summary.waiting,
    ...Object.fromEntries(Object.entries(summary.sent).map(([kind, n]) => [`sent as ${kind}`, n])),
    connects: summary.connects,
    cuts: summary.cuts,
    wrongPasswordsRefused: summary.knocksRefused,
    acknowledgedValues,
    lostValues: lost,
  };
  terminal.printRows(
    ["what", "how many"],
    Object.entries(row).map(([what, n]) => ({ what, "how many": n })),
    {
      scenario: wishes.scenario,
      plants: told.length,
      seconds,
      ...summary,
      acknowledgedValues,
      lostValues: lost,
      differences,
    },
  );
  if (lost > 0) throw gardenSimulatorErrors.lost({ lost });
}

function lineOf(summary: Summary, nodes: number, ms: number): string {
  const refused = Object.values(summary.refused).reduce((sum, n) => sum + n, 0);
  const perSecond = Math.round((summary.acknowledged * 1_000) / Math.max(1, ms));
  return `${summary.connected} of ${nodes} connected, ${summary.acknowledged} readings acknowledged (${perSecond}/s), ${refused} refused, ${summary.waiting} waiting`;
}
