import type { FlagAnswer, FlagType, FlagValue } from "@roost/contract/flags";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import { compileFlag } from "./evaluation.ts";
import type { CompiledFlag, FlagContext } from "./evaluation.ts";
import { noteAsked, readRevision, selectFlags } from "./flag-store.ts";

export interface FlagBookDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** Set from outside, by key; they win. */
  readonly overrides: ReadonlyMap<string, FlagValue>;
  /** Of the installation, for rules that name one. */
  readonly environment: string;
  /** Hears which flags have changed here. */
  readonly changed: (keys: readonly string[]) => void;
  /** Hears when the copy can no longer be kept up to date, and when it can again. */
  readonly fresh: (isFresh: boolean) => void;
}

interface Entry {
  readonly compiled: CompiledFlag;
  /** Tells one state of a flag from every other, also from those of a flag of the same key that was removed. */
  readonly mark: string;
  asked: boolean;
}

const pollMs = 1_500;
const retryMs = 1_000;
const staleMs = 10_000;
const noteAskedMs = 10_000;

/**
 * The flags in memory: asked without any input or output, kept up to date by a sign from whoever changes one, and by looking every 1.5 s
 * where the sign got lost. While the database is away the last copy holds.
 */
export function createFlagBook({ db, clock, log, overrides, environment, changed, fresh }: FlagBookDeps) {
  let entries: ReadonlyMap<string, Entry> = new Map();
  let revision: number | undefined;
  let loading: Promise<void> | undefined;
  let again = false;
  let listener: Awaited<ReturnType<Db["connect"]>> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let isFresh = true;
  let freshAtMs = clock.monotonicMs();
  let notedAtMs = clock.monotonicMs();

  async function load(): Promise<void> {
    // Read before the flags: what changes in between is read again next time.
    const seen = await readRevision(db);
    const stored = await selectFlags(db, "no");
    const before = entries;
    const next = new Map<string, Entry>();
    const turned: string[] = [];
    for (const flag of stored) {
      const old = before.get(flag.key);
      const mark = `${flag.createdAt.getTime()}/${flag.version}`;
      if (old?.mark === mark) {
        next.set(flag.key, old);
        continue;
      }
      next.set(flag.key, { compiled: compileFlag(flag, overrides.get(flag.key)), mark, asked: old?.asked ?? false });
      turned.push(flag.key);
    }
    for (const key of before.keys()) if (!next.has(key)) turned.push(key);
    entries = next;
    revision = seen;
    if (turned.length > 0) changed(turned);
  }

  /** One load at a time; a call during one waits for the next, which sees what the caller has committed. */
  function reload(): Promise<void> {
    if (loading !== undefined) {
      again = true;
      return loading.then(() => loading ?? undefined);
    }
    loading = load().finally(() => {
      loading = undefined;
      if (again) {
        again = false;
        loading = reload();
        loading.catch(() => undefined);
      }
    });
    return loading;
  }

  function note(ok: boolean): void {
    const nowMs = clock.monotonicMs();
    if (ok) freshAtMs = nowMs;
    const is = nowMs - freshAtMs < staleMs;
    if (is !== isFresh) {
      isFresh = is;
      fresh(is);
    }
  }

  async function look(): Promise<void> {
    try {
      if ((await readRevision(db)) !== revision) await reload();
      if (clock.monotonicMs() - notedAtMs >= noteAskedMs) await flush();
      note(true);
    } catch (error) {
      if (isFresh) log.warn({ err: error }, "flags could not be looked up; the last copy holds");
      note(false);
    }
    if (!closed) timer = setTimeout(() => void look(), pollMs).unref();
  }

  async function flush(): Promise<void> {
    notedAtMs = clock.monotonicMs();
    const asked = [...entries].filter(([, entry]) => entry.asked);
    if (asked.length === 0) return;
    for (const [, entry] of asked) entry.asked = false;
    await noteAsked(
      db,
      asked.map(([key]) => key),
    );
  }

  async function listen(): Promise<void> {
    if (closed) return;
    try {
      const client = await db.connect("roost-flags");
      listener = client;
      client.on("notification", () => void reload().catch(() => undefined));
      client.on("end", () => {
        if (!closed) setTimeout(() => void listen(), retryMs).unref();
      });
      await client.query("listen roost_flags");
    } catch (error) {
      log.debug({ err: error }, "listening for flags failed; looking for them goes on");
      if (!closed) setTimeout(() => void listen(), retryMs).unref();
    }
  }

  function answer(key: string, fallback: FlagValue, context: FlagContext): FlagAnswer {
    const type = typeof fallback as FlagType;
    const entry = entries.get(key);
    if (entry === undefined) {
      return { key, type, value: fallback, reason: "ERROR", errorCode: revision === undefined ? "PROVIDER_NOT_READY" : "FLAG_NOT_FOUND" };
    }
    entry.asked = true;
    if (entry.compiled.type !== type) return { key, type, value: fallback, reason: "ERROR", errorCode: "TYPE_MISMATCH" };
    const outcome = entry.compiled.evaluate(context.environment === undefined ? { ...context, environment } : context);
    if (typeof outcome === "string") return { key, type, value: fallback, reason: "ERROR", errorCode: outcome };
    return { key, type, ...outcome };
  }

  function value<Value extends FlagValue>(key: string, fallback: Value, context: FlagContext): Value {
    return answer(key, fallback, context).value as Value;
  }

  return {
    /** Loads the flags and keeps them up to date from here on. */
    async start(): Promise<void> {
      await listen();
      await reload();
      timer = setTimeout(() => void look(), pollMs).unref();
    },
    reload,
    /** What somebody gets and why; the fallback where something stands in the way. Costs some microseconds and never fails. */
    answer,
    boolean: (key: string, fallback: boolean, context: FlagContext = {}): boolean => value<boolean>(key, fallback, context),
    string: (key: string, fallback: string, context: FlagContext = {}): string => value<string>(key, fallback, context),
    number: (key: string, fallback: number, context: FlagContext = {}): number => value<number>(key, fallback, context),
    types: (): ReadonlyMap<string, FlagType> => new Map([...entries].map(([key, { compiled }]) => [key, compiled.type])),
    isLoaded: (): boolean => revision !== undefined,
    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await listener?.end().catch(() => undefined);
      await loading?.catch(() => undefined);
      await flush().catch(() => undefined);
    },
  };
}

export type FlagBook = ReturnType<typeof createFlagBook>;
