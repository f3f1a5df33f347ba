import { isDeepStrictEqual } from "node:util";

import type { Device } from "@roost/contract/devices";
import { homeAssistantErrors } from "@roost/contract/home-assistant";
import type { FoundDevice, HomeAssistantBridge, HomeAssistantState } from "@roost/contract/home-assistant";
import type { Unit } from "@roost/contract/units";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import type { Fact } from "../../platform/events.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Signal } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import type { Devices } from "../devices/devices.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { createBridgeHold } from "./bridge-hold.ts";
import { checkBridge, defaultPrefix, goesElsewhere, recordOf, shownOf } from "./bridge-setting.ts";
import type { WantedBridge } from "./bridge-setting.ts";
import { clientIdOf, createBridge } from "./bridge.ts";
import type { Bridge, BridgeSettings } from "./bridge.ts";
import { connectBroker } from "./broker.ts";
import type { BrokerAddress } from "./broker.ts";
import { foundDeviceOf } from "./found-devices.ts";
import * as store from "./home-assistant-store.ts";
import type { KeptBridge } from "./home-assistant-store.ts";
import { usualRetry } from "./link.ts";
import type { Retry } from "./link.ts";
import { usualEveryMs } from "./outlet.ts";
import { createRelay } from "./relay.ts";
import { heartbeatOf, planTaking } from "./taking-in.ts";
import type { WantedMetric } from "./taking-in.ts";

export interface HomeAssistantDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly seal: Seal;
  readonly egress: Pick<Egress, "resolveHost">;
  readonly devices: Pick<Devices, "find" | "findByKey" | "get" | "list" | "presence" | "addBridged">;
  readonly telemetry: Pick<Telemetry, "latestOf" | "ensureSeries" | "onCommitted" | "committedElsewhere">;
  readonly ingest: Pick<Ingest, "acceptHttp">;
  readonly raise: (tx: Transaction, signals: readonly Signal[]) => Promise<unknown>;
  /** Digits that mean something, where a kit knows the metric. */
  readonly precisionOf: (kind: string, metric: string) => number | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly retry?: Retry;
  /** How often states are published at most. */
  readonly everyMs?: number;
  /** How long a broker is away before that is an alarm. */
  readonly awaySeconds?: number;
  readonly lookEveryMs?: number;
  /** How often a server that does not hold a bridge asks for it. */
  readonly holdEveryMs?: number;
}

const defaultAwaySeconds = 5 * 60;
const defaultLookMs = 15_000;
const defaultHoldMs = 2_000;
const testTimeoutMs = 3_500;

/** The seal binds a broker's password to its organisation. */
export function brokerPurpose(organisationId: string): string {
  return `home-assistant-broker:${organisationId}`;
}

/** The bridges to the brokers that Home Assistant listens to: announces Roost's devices there, and takes in those of others. */
export function createHomeAssistant(deps: HomeAssistantDeps) {
  const { db, audit, seal, egress, devices, telemetry, raise, clock, log } = deps;
  const { retry = usualRetry, everyMs = usualEveryMs, awaySeconds = defaultAwaySeconds } = deps;
  const bridges = new Map<string, Bridge>();
  /** Bridges that are switched on and not held by us. */
  const waiting = new Map<string, HomeAssistantState>();
  const alarmed = new Set<string>();
  const timers: NodeJS.Timeout[] = [];
  let stopListening: (() => void) | undefined;
  const turning = new Map<string, Promise<void>>();
  let closed = false;
  const hold = createBridgeHold({ db, log, onLost: letAllGo, onSaid });
  const relay = createRelay({ say: hold.say, log });

  function addressOf(kept: KeptBridge): BrokerAddress {
    const { organisationId, host, port, tls, caPem, username, passwordSealed } = kept;
    const password = passwordSealed === undefined ? undefined : seal.open(passwordSealed, brokerPurpose(organisationId)).toString("utf8");
    return { host, port, tls, caPem, username, password };
  }

  function settingsOf(kept: KeptBridge): BridgeSettings {
    const { organisationId, discoveryPrefix, statePrefix, publish, takeIn } = kept;
    return { ...addressOf(kept), organisationId, discoveryPrefix, statePrefix, publish, takeIn };
  }

  function settle(organisationId: string): void {
    db.transaction((tx) => raise(tx, [{ ...awaySignal(organisationId, new Date(clock.nowMs())), what: "clear" }]))
      .then(() => alarmed.delete(organisationId))
      .catch((error: unknown) => log.warn({ err: error, organisationId }, "the alarm about the bridge could not be cleared"));
  }

  function open(settings: BridgeSettings): void {
    const { organisationId } = settings;
    const loadTaken = (id: string) => store.selectTaken(db, id);
    const bridge = createBridge(settings, { ...deps, retry, everyMs, loadTaken, onConnected: settle });
    bridges.set(organisationId, bridge);
    bridge.start();
  }

  /** Listens to what is committed while there is a bridge, here or elsewhere. Whoever has none pays nothing: ingest tells nobody. */
  function listenAsNeeded(): void {
    if (bridges.size + waiting.size === 0) {
      stopListening?.();
      stopListening = undefined;
      return;
    }
    stopListening ??= telemetry.onCommitted((messages) => {
      for (const { deviceKey } of messages) {
        const organisationId = devices.findByKey(deviceKey)?.organisationId ?? "";
        const bridge = bridges.get(organisationId);
        if (bridge !== undefined) bridge.touched(deviceKey);
        else if (waiting.has(organisationId)) relay.touched(deviceKey);
      }
    });
  }

  /** Another server committed values of devices whose bridge may be here. */
  function onSaid(text: string | undefined): void {
    const keys = relay.read(text).filter((key) => bridges.has(devices.findByKey(key)?.organisationId ?? ""));
    if (keys.length === 0) return;
    telemetry
      .committedElsewhere(keys)
      .then(() => keys.forEach((key) => bridges.get(devices.findByKey(key)?.organisationId ?? "")?.touched(key)))
      .catch((error: unknown) => log.warn({ err: error }, "what another server committed could not be looked at"));
  }

  /** Works on the bridges of one organisation one after the other. */
  function inTurn(organisationId: string, work: () => Promise<void>): Promise<void> {
    const next = (turning.get(organisationId) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => log.warn({ err: error, organisationId }, "the bridge to Home Assistant could not be turned"));
    turning.set(organisationId, next);
    void next.then(() => turning.get(organisationId) === next && turning.delete(organisationId));
    return next;
  }

  /**
   * Brings what runs up to date with what is set, and with who holds it.
   *
   * @param isHearsay - What runs as it is set goes on.
   * @param ran - Until it was set. Whoever heard of that first has opened another one since, which goes on too.
   */
  async function turn(organisationId: string, isHearsay = false, ran?: { readonly before: Bridge | undefined }): Promise<void> {
    return inTurn(organisationId, async () => {
      const kept = await store.selectBridge(db, organisationId);
      const wanted = kept !== undefined && isWanted(kept) ? settingsOf(kept) : undefined;
      if (wanted !== undefined && !(await takeHold(organisationId))) return listenAsNeeded();
      const running = bridges.get(organisationId);
      const mayGoOn = isHearsay || (ran !== undefined && running !== ran.before);
      if (mayGoOn && running !== undefined && isDeepStrictEqual(running.settings, wanted)) return;
      bridges.delete(organisationId);
      await running?.close(true);
      // What is held may have been lost over that; then it is waited for.
      if (wanted !== undefined && !closed && hold.has(organisationId)) open(wanted);
      if (wanted === undefined) {
        waiting.delete(organisationId);
        settle(organisationId);
        await hold.release(organisationId);
      }
      listenAsNeeded();
    });
  }

  async function takeHold(organisationId: string): Promise<boolean> {
    const before = waiting.get(organisationId);
    waiting.set(organisationId, before ?? nothingHere("connecting"));
    if (closed) return false;
    const isOurs = await hold.take(organisationId);
    if (isOurs) waiting.delete(organisationId);
    else if (before?.state !== "elsewhere") waiting.set(organisationId, nothingHere("elsewhere"));
    return isOurs;
  }

  const nothingHere = (state: "connecting" | "elsewhere"): HomeAssistantState => ({ ...off, state, since: new Date(clock.nowMs()) });

  /** What held our bridges is gone, so that another server may have them by now. */
  function letAllGo(): void {
    for (const [organisationId, bridge] of bridges) {
      bridges.delete(organisationId);
      waiting.set(organisationId, nothingHere("connecting"));
      void inTurn(organisationId, async () => bridge.close(false));
    }
  }

  /** Sees to it that what is held still is, and takes over what its holder let go of. */
  async function lookAtHolds(): Promise<void> {
    await hold.check();
    if (waiting.size > 0) await hold.open();
    await Promise.all([...waiting.keys()].map((organisationId) => turn(organisationId, true)));
  }

  /** Raises an alarm for each broker that has been away for long. */
  async function look(): Promise<void> {
    const away = [...bridges].filter(([id, bridge]) => {
      const { state, since } = bridge.state();
      return state === "away" && !alarmed.has(id) && since !== undefined && clock.nowMs() - since.getTime() >= awaySeconds * 1_000;
    });
    if (away.length === 0) return;
    await db.transaction((tx) =>
      raise(
        tx,
        away.map(([id, bridge]) => {
          const { since, lastFault } = bridge.state();
          const at = since ?? new Date(clock.nowMs());
          return { ...awaySignal(id, at), what: "raise", title: "The bridge to Home Assistant is down", text: lastFault?.message ?? "" };
        }),
      ),
    );
    for (const [id] of away) alarmed.add(id);
  }

  function every(periodMs: number, work: () => Promise<void>): void {
    let isBusy = false;
    const timer = setInterval(() => {
      if (isBusy) return;
      isBusy = true;
      work()
        .catch((error: unknown) => log.warn({ err: error }, "the bridges to Home Assistant could not be looked after"))
        .finally(() => (isBusy = false));
    }, periodMs);
    timer.unref();
    timers.push(timer);
  }

  /** The bridge of an organisation, with what it hears. @throws {AppError} `home_assistant.held_elsewhere`, `home_assistant.not_connected` */
  function listeningOf(organisationId: string) {
    const bridge = bridges.get(organisationId);
    const found = bridge?.found();
    if (waiting.get(organisationId)?.state === "elsewhere") throw homeAssistantErrors.held_elsewhere();
    if (bridge === undefined || found === undefined) throw homeAssistantErrors.not_connected();
    return { bridge, found };
  }

  return {
    /** Opens all bridges that are switched on and that no other server holds; those it takes over when that one is gone. */
    async start(): Promise<void> {
      const kept = await store.selectBridges(db);
      await Promise.all(kept.filter(isWanted).map(({ organisationId }) => turn(organisationId)));
      every(deps.lookEveryMs ?? defaultLookMs, look);
      every(deps.holdEveryMs ?? defaultHoldMs, lookAtHolds);
      every(everyMs, relay.tell);
    },
    look,

    /** Hears every fact, in memory: what is announced follows what devices are. */
    observe(fact: Fact): void {
      // Another server may have set it; and one that is closed has none.
      if (fact.type.startsWith("home_assistant_bridge.") || fact.type.startsWith("organisation.")) void turn(fact.organisationId, true);
      if (!fact.type.startsWith("device.")) return;
      const isGone = fact.type === "device.removed" || fact.type === "device.transferred";
      // A device that was handed over is news for the giver and the receiver.
      const told = isGone ? [...bridges.values()] : [bridges.get(fact.organisationId)];
      for (const bridge of told) {
        bridge?.changed(fact.nounId, isGone).catch((error: unknown) => log.warn({ err: error }, "a device could not be let go of"));
      }
    },

    async get(whose: Within): Promise<{ bridge?: HomeAssistantBridge; state: HomeAssistantState; defaultStatePrefix: string }> {
      const { organisationId } = whose;
      const kept = await store.selectBridge(db.within(whose), organisationId);
      const state = bridges.get(organisationId)?.state() ?? waiting.get(organisationId) ?? off;
      return { ...(kept === undefined ? {} : { bridge: shownOf(kept) }), state, defaultStatePrefix: defaultPrefix(organisationId) };
    },

    /** Sets the bridge. @throws {AppError} `home_assistant.password_needed`, `.prefixes_overlap`, `.bad_certificate_authority`, `.refused_address` */
    async set(whose: Whose, wanted: WantedBridge): Promise<HomeAssistantBridge> {
      const { organisationId } = whose;
      const { password, statePrefix = defaultPrefix(organisationId), ...given } = wanted;
      checkBridge({ ...given, statePrefix });
      await egress.resolveHost(given.host).catch((cause: unknown) => {
        throw homeAssistantErrors.refused_address({}, { cause });
      });
      const ran = { before: bridges.get(organisationId) };
      const kept = await db.within(whose).transaction(async (tx) => {
        const before = await store.selectBridge(tx, organisationId);
        const passwordSealed =
          typeof password === "string"
            ? seal.seal(Buffer.from(password), brokerPurpose(organisationId))
            : password === null
              ? undefined
              : before?.passwordSealed;
        // Whoever may point the bridge elsewhere must not thereby learn a password they never knew.
        if (password === undefined && passwordSealed !== undefined && before !== undefined && goesElsewhere(before, given))
          throw homeAssistantErrors.password_needed();
        const after: KeptBridge = { ...given, statePrefix, organisationId, passwordSealed };
        await store.saveBridge(tx, after);
        await audit.record(tx, {
          organisationId,
          by: actorOf(whose),
          action: "home_assistant_bridge.set",
          object: { kind: "home_assistant_bridge", id: organisationId },
          ...(before === undefined ? {} : { before: recordOf(before) }),
          after: { ...recordOf(after), ...(typeof password === "string" ? { password: "set" } : {}) },
        });
        await emit(tx, { organisationId, type: "home_assistant_bridge.set", nounId: organisationId });
        return after;
      });
      await turn(organisationId, false, ran);
      return shownOf(kept);
    },

    async remove(whose: Whose): Promise<void> {
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const before = await store.selectBridge(tx, organisationId);
        if (before === undefined) return;
        await store.deleteBridge(tx, organisationId);
        const object = { kind: "home_assistant_bridge", id: organisationId };
        await audit.record(tx, {
          organisationId,
          by: actorOf(whose),
          action: "home_assistant_bridge.removed",
          object,
          before: recordOf(before),
        });
        await emit(tx, { organisationId, type: "home_assistant_bridge.removed", nounId: organisationId });
      });
      await turn(organisationId);
    },

    /** Connects once. @throws {AppError} of `home_assistant.*`: what is wrong, in words */
    async test(whose: Within): Promise<{ durationMs: number }> {
      const kept = await store.selectBridge(db.within(whose), whose.organisationId);
      if (kept === undefined) throw homeAssistantErrors.no_bridge();
      const startedMs = clock.monotonicMs();
      const session = await connectBroker(addressOf(kept), {
        egress,
        clientId: clientIdOf(whose.organisationId),
        timeoutMs: testTimeoutMs,
      });
      const durationMs = clock.monotonicMs() - startedMs;
      await session.end();
      return { durationMs };
    },

    /** What others announce, by name. @throws {AppError} `home_assistant.held_elsewhere`, `home_assistant.not_connected` */
    async found(whose: Within): Promise<{ items: FoundDevice[] }> {
      const { bridge, found } = listeningOf(whose.organisationId);
      const items = found
        .ids()
        .flatMap((id) => found.find(id) ?? [])
        .map((one) => foundDeviceOf(one, bridge.deviceOf(one.foundId)));
      return { items: items.toSorted((a, b) => a.name.localeCompare(b.name, "en") || a.foundId.localeCompare(b.foundId)) };
    },

    /** Makes a found device one of ours. @throws {AppError} of `home_assistant.*`, `devices.already_exists`, `devices.unknown_place` */
    async take(
      whose: Whose,
      foundId: string,
      wanted: {
        id?: string | undefined;
        name?: string | undefined;
        kind: string;
        siteId?: string | undefined;
        heartbeatSeconds?: number | undefined;
        metrics?: readonly WantedMetric[] | undefined;
      },
    ): Promise<{
      device: Device;
      taken: { component: string; metric: string; unit: Unit }[];
      leftOut: { component: string; because: string }[];
    }> {
      const { organisationId } = whose;
      const { bridge, found: all } = listeningOf(organisationId);
      const found = all.find(foundId);
      if (found === undefined) throw homeAssistantErrors.not_found();
      const { metrics: given, ...place } = wanted;
      const { metrics, leftOut } = planTaking(found, given);
      const device = await devices.addBridged(
        whose,
        { ...place, name: place.name ?? found.name, heartbeatSeconds: place.heartbeatSeconds ?? heartbeatOf(found) },
        async (tx, { id: deviceId, name }) => {
          await store.lockBridge(tx, organisationId);
          if (await store.isTaken(tx, organisationId, foundId)) throw homeAssistantErrors.already_taken();
          await store.insertTaken(tx, organisationId, { deviceId, foundId, metrics });
          const object = { kind: "device", id: deviceId, name };
          await audit.record(tx, {
            organisationId,
            by: actorOf(whose),
            action: "home_assistant_device.taken",
            object,
            after: { foundId, metrics },
          });
        },
      );
      const key = devices.find(device.id)?.key;
      if (key !== undefined) {
        const isSwitch = new Set(found.components.filter(({ platform }) => platform === "binary_sensor").map(({ id }) => id));
        const series = metrics.map(({ component, metric, unit }) => ({
          metric,
          unit,
          kind: isSwitch.has(component) ? ("boolean" as const) : ("number" as const),
        }));
        await telemetry.ensureSeries(key, organisationId, series);
      }
      await bridge.take({ deviceId: device.id, foundId, metrics });
      return { device, taken: metrics.map(({ component, metric, unit }) => ({ component, metric, unit })), leftOut };
    },

    async close(): Promise<void> {
      closed = true;
      for (const timer of timers) clearInterval(timer);
      stopListening?.();
      await Promise.all(turning.values());
      await Promise.all([...bridges.values()].map((bridge) => bridge.close(false)));
      await hold.close();
    },
  };
}

export type HomeAssistant = ReturnType<typeof createHomeAssistant>;

const off: HomeAssistantState = { state: "off", published: 0, found: 0, taken: 0, leftOut: 0 };

const isWanted = ({ publish, takeIn }: KeptBridge): boolean => publish || takeIn;

/** One alarm for each organisation. */
function awaySignal(organisationId: string, at: Date): Omit<Signal, "what"> {
  return { id: newId(), organisationId, source: "home_assistant", type: "bridge_away", kind: "delivery", severity: "major", at };
}
