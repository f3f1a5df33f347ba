import type { LiveSample } from "@roost/contract/telemetry";

import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { LiveHub } from "./live-hub.ts";
import { committedSince, currentMoment, isSnapshot } from "./live-store.ts";
import type { Moment, StoredMessage } from "./live-store.ts";
import type { SeriesRegistry } from "./series-registry.ts";
import { qualityOf } from "./series.ts";
import type { CommittedMessage, SeriesEntry } from "./series.ts";

/** What is asked of a live stream; metrics absent = all. */
export interface StreamQuery {
  readonly deviceKey: number;
  readonly metrics?: readonly string[] | undefined;
  readonly lastEventId?: string | undefined;
  readonly signal: AbortSignal;
}

export interface LiveStreamDeps {
  readonly db: Db;
  readonly hub: LiveHub;
  readonly registry: SeriesRegistry;
  readonly log: Log;
  readonly keepAliveSeconds?: number;
  /** No longer than compacted partitions are kept. */
  readonly replaySeconds?: number;
}

/** A message on its way to one client. */
interface Outgoing {
  readonly identity: string;
  readonly samples: LiveSample[];
}

/** How far a client is: all commits a moment saw, and these messages beyond; among them the last of those that memory may tell yet. */
interface Position {
  readonly since: Moment;
  readonly beyond: ReadonlySet<string>;
}

/** Messages that may wait for a client before it is told to load the range again instead. */
const maxWaiting = 1_000;
const maxReplayed = 5_000;
/** Messages an id lists, each about 20 characters. With more it says that it cannot be resumed from exactly. */
const maxListed = 80;
/** Messages beyond a moment that are kept in mind until the next one is read. */
const maxBeyond = 5_000;
/** What the database told before memory did is kept in mind for a while; an id lists the last of it. */
const told = { ms: 60_000, most: 20_000, listed: 16 };

/** Tells messages of one device apart. */
function identityOf(measuredUs: number, receivedUs: number, firstSeriesKey: number): string {
  return `${measuredUs.toString(36)}.${(receivedUs - measuredUs).toString(36)}.${firstSeriesKey.toString(36)}`;
}

function writeId({ since, beyond }: Position): string {
  return `${since.snapshot};${since.atSeconds};${beyond.size > maxListed ? "*" : [...beyond].join(",")}`;
}

/** Reads an id of ours; `undefined` where it is none or cannot be resumed from. */
export function readId(id: string): Position | undefined {
  if (id.length > 4_096) return undefined;
  const [snapshot, at, listed] = id.split(";");
  if (snapshot === undefined || at === undefined || listed === undefined || listed === "*") return undefined;
  if (!isSnapshot(snapshot) || !/^\d{1,12}$/.test(at)) return undefined;
  return { since: { snapshot, atSeconds: Number(at) }, beyond: new Set(listed === "" ? [] : listed.split(",")) };
}

/**
 * Live streams of devices' samples.
 *
 * What is committed here comes from memory at once. What was committed elsewhere, or while the client was away, is read
 * from the database: an event's id says which commits the client knows, so nothing is missed and nothing comes twice.
 */
export function createLiveStreams({ db, hub, registry, log, keepAliveSeconds = 15, replaySeconds = 540 }: LiveStreamDeps) {
  function wantedOf(
    series: readonly SeriesEntry[],
    metrics: ReadonlySet<string> | undefined,
    values: ArrayLike<number>,
    quality: number,
    measuredUs: number,
  ): LiveSample[] {
    const samples: LiveSample[] = [];
    for (const [index, entry] of series.entries()) {
      const value = values[index];
      if (value === undefined || (metrics !== undefined && !metrics.has(entry.metric))) continue;
      samples.push({ metric: entry.metric, at: measuredUs / 1_000, value, quality: qualityOf(quality) });
    }
    return samples;
  }

  async function* stream({ deviceKey, metrics: names, lastEventId, signal }: StreamQuery): AsyncGenerator<string> {
    const metrics = names === undefined ? undefined : new Set(names);
    let waiting: Outgoing[] = [];
    // A commit is seen by the database a moment before whoever made it hears of that, and memory after them.
    const toldEarly = createToldBook();
    let overflowed = false;
    let wake: () => void = () => undefined;
    // Listening begins before the moment is read, so that no commit falls between the two.
    const stopListening = hub.listen(deviceKey, (message: CommittedMessage) => {
      const identity = identityOf(message.measuredAtUs, message.receivedAtUs, message.series[0]?.key ?? 0);
      if (toldEarly.take(identity)) return;
      const samples = wantedOf(message.series, metrics, message.values, message.quality, message.measuredAtUs);
      if (waiting.length >= maxWaiting) {
        waiting = [];
        overflowed = true;
      }
      waiting.push({ identity, samples });
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);

    async function fromStore(messages: readonly StoredMessage[]): Promise<Outgoing[]> {
      const byKey = new Map((await registry.of(deviceKey)).map((entry) => [entry.key, entry]));
      return messages.map(({ measuredUs, receivedUs, quality, seriesKeys, values }) => {
        const known = seriesKeys.flatMap((key, index) => {
          const entry = byKey.get(key);
          return entry === undefined ? [] : [{ entry, value: values[index] as number }];
        });
        return {
          identity: identityOf(measuredUs, receivedUs, seriesKeys[0] ?? 0),
          samples: wantedOf(
            known.map(({ entry }) => entry),
            metrics,
            known.map(({ value }) => value),
            quality,
            measuredUs,
          ),
        };
      });
    }

    /** Reads what was committed since the position and moves on; events for what the client does not know. */
    async function catchUp(position: Position): Promise<{ position: Position; text: string }> {
      const { now, messages } = await committedSince(db, { deviceKey, since: position.since, replaySeconds, limit: maxReplayed });
      if (messages === undefined) {
        waiting = [];
        const next: Position = { since: now, beyond: new Set() };
        return { position: next, text: event("resync", [], next) };
      }
      const fresh = (await fromStore(messages)).filter(({ identity }) => !position.beyond.has(identity));
      const seen = new Set(
        messages.map(({ measuredUs, receivedUs, seriesKeys }) => identityOf(measuredUs, receivedUs, seriesKeys[0] ?? 0)),
      );
      const heard = new Set(waiting.map(({ identity }) => identity));
      toldEarly.note(fresh.map(({ identity }) => identity).filter((identity) => !heard.has(identity)));
      const next: Position = { since: now, beyond: new Set(toldEarly.latest()) };
      // What memory told was committed before, so this moment saw it: nothing is beyond it but what comes from now on.
      waiting = waiting.filter(({ identity }) => !seen.has(identity));
      const samples = fresh.flatMap((one) => one.samples);
      return { position: next, text: samples.length > 0 ? event("samples", samples, next) : idOnly(next) };
    }

    try {
      let position: Position;
      if (lastEventId === undefined || lastEventId === "") {
        position = { since: await currentMoment(db), beyond: new Set() };
        yield idOnly(position);
      } else {
        const from = readId(lastEventId);
        if (from === undefined) {
          position = { since: await currentMoment(db), beyond: new Set() };
          waiting = [];
          yield event("resync", [], position);
        } else {
          toldEarly.note([...from.beyond]);
          const caughtUp = await catchUp(from);
          position = caughtUp.position;
          yield caughtUp.text;
        }
      }
      let caughtUpMs = performance.now();
      while (!signal.aborted) {
        if (overflowed || position.beyond.size > maxBeyond) {
          overflowed = false;
          waiting = [];
          position = { since: await currentMoment(db), beyond: new Set() };
          yield event("resync", [], position);
        } else if (waiting.length > 0) {
          const batch = waiting;
          waiting = [];
          position = { since: position.since, beyond: new Set([...position.beyond, ...batch.map(({ identity }) => identity)]) };
          const samples = batch.flatMap((one) => one.samples);
          if (samples.length > 0) yield event("samples", samples, position);
        } else if (performance.now() - caughtUpMs >= keepAliveSeconds * 1_000) {
          caughtUpMs = performance.now();
          yield ": keep-alive\n\n";
          try {
            const caughtUp = await catchUp(position);
            position = caughtUp.position;
            yield caughtUp.text;
          } catch (error) {
            log.warn({ err: error }, "a live stream could not look for commits of other servers");
          }
        } else {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, keepAliveSeconds * 1_000);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
            if (signal.aborted || waiting.length > 0) wake();
          });
          wake = () => undefined;
        }
      }
    } finally {
      stopListening();
      signal.removeEventListener("abort", onAbort);
    }
  }

  return { stream };
}

/** What the database told and memory may tell yet. Of other servers' commits it never will. */
function createToldBook() {
  const byIdentity = new Map<string, number>();
  return {
    note(identities: readonly string[]): void {
      const nowMs = performance.now();
      for (const identity of identities) byIdentity.set(identity, nowMs);
      // Oldest first.
      for (const [identity, atMs] of byIdentity) {
        if (byIdentity.size <= told.most && nowMs - atMs < told.ms) break;
        byIdentity.delete(identity);
      }
    },
    latest: (): string[] => [...byIdentity.keys()].slice(-told.listed),
    /** @returns Whether it was told, and is not to be told again. */
    take: (identity: string): boolean => byIdentity.delete(identity),
  };
}

function event(name: string, samples: readonly LiveSample[], position: Position): string {
  return `event: ${name}\nid: ${writeId(position)}\ndata: ${JSON.stringify(samples)}\n\n`;
}

function idOnly(position: Position): string {
  return `id: ${writeId(position)}\n\n`;
}

export type LiveStreams = ReturnType<typeof createLiveStreams>;
