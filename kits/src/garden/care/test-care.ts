import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";

import type { KitEgress, KitFactHandler, KitHost } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";
import type { Whose } from "@roost/contract/tenancy";
import { createKitDatabase } from "@roost/testbed/kit-database";
import type { TestKitDatabase } from "@roost/testbed/kit-database";

import type { CareFacts, CareHealth } from "./care-facts.ts";
import type { GardenSettings } from "./care-settings.ts";
import { createCare } from "./care.ts";
import type { Care, CareDeps } from "./care.ts";
import { evaluationNow, goodAnswer, someFacts } from "./evaluation/case.ts";
import { loopbackEgress, startTestProvider } from "./test-provider.ts";
import type { TestProvider } from "./test-provider.ts";

/** A care advisor on a database of its own, with a scripted provider and a clock that tests turn. */
export interface CareWorld {
  readonly db: TestKitDatabase;
  readonly outside: TestProvider;
  readonly care: Care;
  readonly keeper: Whose;
  readonly clock: { nowMs(): number; forward(ms: number): void; set(iso: string): void };
  readonly audits: { action: string; before?: unknown; after?: unknown }[];
  readonly facts: Map<string, CareFacts>;
  readonly health: Map<string, CareHealth>;
  readonly garden: { plansByModel: boolean };
  /** The door to the outside, which tests close or hurry. */
  egress: KitEgress;
  /** Another server of the same installation. */
  second(deps?: Partial<CareDeps>): Care;
  addOrganisation(): Promise<Whose>;
  addPlant(options?: { whose?: Whose; facts?: CareFacts }): Promise<string>;
  /** Does what is due. */
  work(): Promise<void>;
  /** As new, but for the organisations. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function createCareWorld(): Promise<CareWorld> {
  const db = await createKitDatabase("garden", new URL("../migrations/", import.meta.url));
  const outside = await startTestProvider();
  outside.otherwise({ says: JSON.stringify(goodAnswer()) });
  let nowMs = evaluationNow.getTime();
  const clock = {
    nowMs: () => nowMs,
    forward: (ms: number) => void (nowMs += ms),
    set: (iso: string) => void (nowMs = Date.parse(iso)),
  };
  const audits: CareWorld["audits"] = [];
  const facts = new Map<string, CareFacts>();
  const health = new Map<string, CareHealth>();
  const garden = { plansByModel: true };
  const organisations: string[] = [];
  const world = { egress: loopbackEgress() };
  const quiet = () => undefined;
  const host = {
    clock,
    db,
    log: { error: quiet, warn: quiet, info: quiet, debug: quiet },
    egress: { request: (request) => world.egress.request(request) },
    settings: { of: async () => garden, organisations: async () => organisations },
    seal: sealOf(randomBytes(32)),
    audit: { record: async (_, __, entry) => void audits.push(entry) },
    emit: async () => undefined,
    newId: randomUUID,
  } satisfies Partial<KitHost<GardenSettings>> as unknown as KitHost<GardenSettings>;

  const source: CareDeps["facts"] = {
    plant: async (_, id) => facts.get(id)?.plant,
    health: async (_, id) => health.get(id),
    readingsOf: async ({ id }) => facts.get(id) ?? { readings: [], missing: [] },
    look: async (_, id) => facts.get(id),
  };
  const second = (deps: Partial<CareDeps> = {}) =>
    createCare(host, { facts: source, endpoints: { anthropic: outside.url, openai: outside.url }, random: () => 0.5, ...deps });
  const care = second();

  async function addOrganisation(): Promise<Whose> {
    const organisationId = await db.addOrganisation(`Greenhouse ${organisations.length}`);
    organisations.push(organisationId);
    return { organisationId };
  }
  const keeper = await addOrganisation();

  return Object.assign(world, {
    db,
    outside,
    care,
    keeper,
    clock,
    audits,
    facts,
    health,
    garden,
    second,
    addOrganisation,
    async addPlant({ whose = keeper, facts: known = someFacts() }: { whose?: Whose; facts?: CareFacts } = {}) {
      const id = randomUUID();
      await db.query(
        sql`insert into kit_garden.plants (id, organisation_id, name) values (${id}, ${whose.organisationId}, ${`Plant ${facts.size}`})`,
      );
      facts.set(id, { ...known, plant: { ...known.plant, id } });
      return id;
    },
    async work() {
      care.kick();
      await care.settled();
    },
    async reset() {
      await care.settled();
      await db.query(sql`truncate kit_garden.care_jobs, kit_garden.care_plans, kit_garden.care_calls, kit_garden.care_settings`);
      outside.forget();
      outside.otherwise({ says: JSON.stringify(goodAnswer()) });
      clock.set(evaluationNow.toISOString());
      world.egress = loopbackEgress();
      garden.plansByModel = true;
      facts.clear();
      health.clear();
      audits.length = 0;
    },
    async close() {
      await care.stop();
      await outside.close();
      await db.drop();
    },
  });
}

export const testKey = "sk-ant-api03-very-secret-key-7Q2x";

/** What most tests do, in a word. */
export function wordsFor(world: () => CareWorld) {
  const planOf = async (plantId: string) => world().care.plan(world().keeper, plantId);
  return {
    withKey: async () => world().care.settings.change(world().keeper, { provider: "anthropic", apiKey: testKey }),
    stateOf: async (plantId: string) => (await planOf(plantId)).work,
    /** Asks for a plan, does what is due and answers the newest plan. */
    async planned(plantId: string) {
      await world().care.analyze(world().keeper, plantId);
      await world().work();
      return (await planOf(plantId)).plan;
    },
    /** Tells the advisor of something that became true. */
    async heard(handler: string, fact: Parameters<KitFactHandler["handle"]>[0]): Promise<void> {
      const found = world().care.handlers.find(({ name, types }) => name === handler && types.includes(fact.type));
      if (found === undefined) throw new Error(`Nobody called ${handler} listens to ${fact.type}.`);
      await found.handle(fact);
    },
  };
}

/** As the platform's: the purpose is bound. */
function sealOf(key: Uint8Array): KitHost["seal"] {
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(purpose));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
    },
  };
}
