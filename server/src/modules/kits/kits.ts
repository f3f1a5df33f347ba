import { fileURLToPath } from "node:url";

import { httpErrors, isAppError } from "@roost/contract/errors";
import type { KitManifest } from "@roost/contract/kit";
import type { KitMount, KitServer, KitServerFace } from "@roost/contract/kit-host";
import type { KitCheck, Kit } from "@roost/contract/kits";
import { kitErrors } from "@roost/contract/kits";
import { ruleFields } from "@roost/contract/rules";
import type { RuleFields } from "@roost/contract/rules";

import { isDatabaseAway } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import type { Mount } from "../../platform/http/mount.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import { readMigrations, migrate } from "../../platform/migrate.ts";
import { checkRowSecurity } from "../../platform/row-security.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Rules } from "../rules/rules.ts";
import { fenceFaults } from "./kit-fence.ts";
import { createKitHealth } from "./kit-health.ts";
import type { KitHealthBook } from "./kit-health.ts";
import { createKitHost, settingsWith } from "./kit-host.ts";
import type { HostParts } from "./kit-host.ts";
import { changedSettings } from "./kit-settings.ts";
import { lockSwitch, saveSwitch, selectSwitches } from "./kit-store.ts";
import type { KitSwitch } from "./kit-store.ts";
import { createSwitchBook } from "./switch-book.ts";

export { kitPurpose } from "./kit-host.ts";

export interface KitDeps extends HostParts {
  readonly rules: Pick<Rules, "keep" | "add">;
  /** The manifests of all kits that were chosen for this installation. */
  readonly manifests: readonly KitManifest[];
  readonly faces: readonly KitServerFace[];
}

interface Living {
  readonly face: KitServerFace;
  readonly health: KitHealthBook;
  /** Absent: it did not start. */
  readonly server: KitServer | undefined;
}

/** The kits: brings each to life behind its fence, and knows who has it switched on. One that fails is unhealthy; the others go on. */
export async function createKits(deps: KitDeps) {
  const { db, audit, clock, log, manifests, faces, rules } = deps;
  const switches = createSwitchBook(() => selectSwitches(db));
  const { refresh } = switches;

  const isOn = (organisationId: string, kit: KitManifest) => kit.alwaysOn === true || switches.find(organisationId, kit.id)?.isOn === true;

  async function bringToLife(face: KitServerFace): Promise<Living> {
    const { kit } = face;
    const health = createKitHealth(clock);
    try {
      const faults = fenceFaults(face);
      if (faults.length > 0) throw new TypeError(faults.join(" "));
      if (face.migrations !== undefined) {
        const schema = `kit_${kit.id}`;
        await migrate(db, await readMigrations(fileURLToPath(face.migrations)), log, { schema });
        await checkRowSecurity(db, schema);
      }
      const host = createKitHost(kit, deps, {
        of: (organisationId) => settingsWith(kit.settings, switches.find(organisationId, kit.id)?.settings ?? {}),
        organisations: () =>
          switches
            .all()
            .filter((one) => one.kit === kit.id && one.isOn)
            .map((one) => one.organisationId),
        isOn: (organisationId) => isOn(organisationId, kit),
      });
      return { face, health, server: await face.create(host) };
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      log.error({ err: error, kit: kit.id }, "a kit did not start; the others go on");
      health.failed("starting", true);
      return { face, health, server: undefined };
    }
  }

  /** Runs a kit's work; what it throws beyond its own codes makes it unhealthy, and nothing else. */
  async function guarded<Result>({ face, health }: Living, doing: string, lasts: boolean, work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work();
      health.succeeded(doing);
      return result;
    } catch (error) {
      if (!isAppError(error) && !isDatabaseAway(error) && !(error instanceof DOMException && error.name === "AbortError")) {
        log.error({ err: error, kit: face.kit.id, doing }, "a kit failed");
        health.failed(doing, lasts);
      }
      throw error;
    }
  }

  await refresh();
  const living = new Map<string, Living>();
  for (const face of faces) living.set(face.kit.id, await bringToLife(face));

  function find(kitId: string): KitManifest {
    const kit = manifests.find(({ id }) => id === kitId);
    if (kit === undefined) throw kitErrors.not_found({ kit: kitId });
    return kit;
  }

  function show(within: Within, kit: KitManifest): Kit {
    return {
      id: kit.id,
      title: kit.title,
      about: kit.about,
      alwaysOn: kit.alwaysOn === true,
      on: isOn(within.organisationId, kit),
      health: living.get(kit.id)?.health.now() ?? { state: "well" },
      deviceKinds: Object.entries(kit.deviceKinds).map(([kind, { title }]) => ({ kind, title })),
      hasSettings: Object.keys(kit.settings?.shape ?? {}).length > 0,
    };
  }

  /** Changes an organisation's switch under its lock; what is said comes with the change. */
  async function change(
    whose: Whose,
    kit: KitManifest,
    what: "switched_on" | "switched_off" | "settings_changed",
    to: (before: KitSwitch) => KitSwitch,
  ): Promise<KitSwitch> {
    const { organisationId } = whose;
    const after = await db.within(whose).transaction(async (tx) => {
      const before = await lockSwitch(tx, organisationId, kit.id);
      const changed = to(before);
      await saveSwitch(tx, changed);
      await emit(tx, { organisationId, type: `kit.${what}`, nounId: kit.id, data: { kit: kit.id } });
      const object = { kind: "kit", id: kit.id, name: kit.title };
      const settings = what === "settings_changed" ? { before: before.settings, after: changed.settings } : {};
      await audit.record(tx, { organisationId, by: actorOf(whose), action: `kit.${what}`, object, ...settings });
      return changed;
    });
    switches.put(after);
    return after;
  }

  /** Gives an organisation the rules of the kit that it did not have yet; they are its own from then on. */
  async function makeRules(whose: Whose, kit: KitManifest): Promise<void> {
    const { organisationId } = whose;
    for (const [name, { deviceKind, ...rule }] of Object.entries(kit.rules ?? {})) {
      const made = await db.transaction(async (tx) => {
        const before = await lockSwitch(tx, organisationId, kit.id);
        if (before.rulesMade.includes(name)) return false;
        await saveSwitch(tx, { ...before, rulesMade: [...before.rulesMade, name] });
        return true;
      });
      if (!made) continue;
      const fields: RuleFields = ruleFields.parse({ ...rule, scope: { kind: deviceKind } });
      await rules.add({ organisationId, by: whose.by }, fields);
    }
  }

  function handlerOf(one: Living): FactHandler[] {
    return (one.server?.handlers ?? []).map(({ name, types, handle }) => ({
      name: `kits.${one.face.kit.id}.${name}`,
      types,
      async handle(fact) {
        // This may be heard before the observers of this server have heard what another one switched.
        if (turnsSwitches(fact)) await refresh();
        if (isOn(fact.organisationId, one.face.kit)) await guarded(one, `handling facts (${name})`, true, () => handle(fact));
      },
    }));
  }

  function jobOf(one: Living): JobDefinition[] {
    const { kit } = one.face;
    return (one.server?.jobs ?? []).map(({ name, everySeconds, run }) => ({
      name: `${kit.id}.${name}`,
      everySeconds,
      async run({ signal }) {
        if (kit.alwaysOn === true || switches.all().some((row) => row.kit === kit.id && row.isOn))
          await guarded(one, `the job ${name}`, true, () => run({ signal }));
      },
    }));
  }

  /** What a kit that is off keeps would raise alarms that nobody can look after there; switched on, it keeps them again. */
  async function forgetRules(organisationId: string, kitId: string): Promise<void> {
    const kit = manifests.find(({ id }) => id === kitId);
    if (kit === undefined || !isOn(organisationId, kit)) await rules.keep({ organisationId }, kitId, "", new Map());
  }

  /** Finishes what a server that ended in the middle of switching off has left. */
  const offHandler: FactHandler = {
    name: "kits.switched-off",
    types: ["kit.switched_off"],
    async handle({ organisationId, nounId }) {
      await refresh();
      await forgetRules(organisationId, nounId);
    },
  };

  return {
    handlers: [offHandler, ...[...living.values()].flatMap(handlerOf)],
    jobs: [...living.values()].flatMap(jobOf),

    /** Ties the routes of every kit; those of one that did not start say so. */
    mount(mount: Mount): void {
      for (const one of living.values()) mountKit(mount, one, { isOn, guarded });
    },

    /** Hears every fact: what another server switched takes effect here, and that an organisation is closed or kept. */
    async observe(fact: Fact): Promise<void> {
      if (turnsSwitches(fact)) await refresh();
    },

    async start(): Promise<void> {
      // Also of kits that were there once and are not in this installation any more.
      for (const { organisationId, kit } of switches.all())
        await forgetRules(organisationId, kit).catch((error: unknown) =>
          log.error({ err: error, organisationId, kit }, "rules of a kit that is off could not be taken away"),
        );
      for (const one of living.values()) {
        if (one.server?.start === undefined) continue;
        const { start } = one.server;
        await guarded(one, "starting", true, () => start()).catch(() => undefined);
      }
    },
    async stop(): Promise<void> {
      for (const { server, face } of living.values())
        await server?.stop?.().catch((error: unknown) => log.error({ err: error, kit: face.kit.id }, "a kit did not stop"));
    },

    /** How each kit of the installation is, for the platform's own figures. */
    health: (): { kit: string; isWell: boolean }[] =>
      [...living].map(([kit, { health }]) => ({ kit, isWell: health.now().state === "well" })),

    list: (within: Within): Kit[] => manifests.map((kit) => show(within, kit)),

    /** @throws {AppError} `kits.not_found`, `kits.always_on` */
    async switch(whose: Whose, kitId: string, on: boolean): Promise<Kit> {
      const kit = find(kitId);
      if (kit.alwaysOn === true) throw kitErrors.always_on();
      if (isOn(whose.organisationId, kit) !== on) {
        await change(whose, kit, on ? "switched_on" : "switched_off", (before) => ({ ...before, isOn: on }));
        if (on) await makeRules(whose, kit);
        else await rules.keep({ organisationId: whose.organisationId, by: whose.by }, kit.id, "", new Map());
      }
      return show(whose, kit);
    },

    /** Runs a kit's checks. One that throws has failed, with that as evidence. @throws {AppError} `kits.not_found`, `kits.off` */
    async check(within: Within, kitId: string): Promise<KitCheck[]> {
      const kit = find(kitId);
      if (!isOn(within.organisationId, kit)) throw kitErrors.off({ kit: kitId });
      const one = living.get(kitId);
      return Promise.all(
        Object.entries(kit.checks ?? {}).map(async ([name, { title, about }]): Promise<KitCheck> => {
          const look = one?.server?.checks?.[name];
          const checkedAt = new Date(clock.nowMs());
          if (one === undefined || look === undefined)
            return { name, title, about, state: "unknown", evidence: "The kit did not start, so nobody looked.", checkedAt };
          const found = await guarded(one, `the check ${name}`, false, () => look(within.organisationId)).catch(
            () => ({ state: "failed", evidence: "The check itself failed; the log of the server says why." }) as const,
          );
          return { name, title, about, ...found, checkedAt };
        }),
      );
    },

    /** @throws {AppError} `kits.not_found` */
    settings(within: Within, kitId: string): Record<string, unknown> {
      const kit = find(kitId);
      return settingsWith(kit.settings, switches.find(within.organisationId, kit.id)?.settings ?? {}) as Record<string, unknown>;
    },

    /** @throws {AppError} `kits.not_found`, `kits.bad_settings` */
    async changeSettings(whose: Whose, kitId: string, given: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
      const kit = find(kitId);
      await change(whose, kit, "settings_changed", (before) => ({
        ...before,
        settings: changedSettings(kit.settings, before.settings, given),
      }));
      return this.settings(whose, kitId);
    },
  };
}

const turnsSwitches = ({ type }: Fact): boolean => type.startsWith("kit.") || type.startsWith("organisation.");

export type Kits = Awaited<ReturnType<typeof createKits>>;

function mountKit(
  mount: Mount,
  one: Living,
  {
    isOn,
    guarded,
  }: {
    isOn: (organisationId: string, kit: KitManifest) => boolean;
    guarded: <Result>(one: Living, doing: string, lasts: boolean, work: () => Promise<Result>) => Promise<Result>;
  },
): void {
  const { kit, routes } = one.face;
  const wanted = new Set(routes);
  const mountRoute: KitMount = (route, handler) => {
    if (!wanted.delete(route))
      throw new TypeError(`The kit ${kit.id} mounts ${route.operation}, which is not among its routes or mounted twice.`);
    mount(route, (async (input: Parameters<typeof handler>[0]) => {
      if (!isOn(input.caller.organisationId, kit)) throw kitErrors.off({ kit: kit.id });
      return guarded(one, `answering ${route.operation}`, false, () => handler(input));
    }) as never);
  };
  if (one.server === undefined) {
    for (const route of routes) mount(route, async () => Promise.reject(kitErrors.unhealthy({ kit: kit.id })));
    return;
  }
  one.server.mount(mountRoute);
  for (const route of wanted) {
    one.health.failed(`answering ${route.operation}: it has no handler`, true);
    mount(route, async () => Promise.reject(httpErrors.not_found()));
  }
}
