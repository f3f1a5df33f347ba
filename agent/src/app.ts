import { setTimeout as sleep } from "node:timers/promises";

import { isAppError } from "@roost/contract/errors";

import { createBackoff } from "./backoff.ts";
import type { ClaimTicket } from "./claim-ticket.ts";
import type { Claimer } from "./claim.ts";
import { agentClaimErrors } from "./claim.ts";
import { createStepWatch, isClockSet } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { CommandJournal } from "./command-journal.ts";
import { createCommandDesk } from "./commands.ts";
import { readWanted } from "./configuration.ts";
import { markOf, readCredentials, writeCredentials } from "./credentials.ts";
import type { Credentials } from "./credentials.ts";
import { isRefusedLink, openLink } from "./link.ts";
import type { DoorAddress, Link } from "./link.ts";
import type { Log } from "./log.ts";
import type { Measurement } from "./measure.ts";
import { createOutbox } from "./outbox.ts";
import { createSender } from "./sender.ts";
import type { Sender } from "./sender.ts";
import type { RecordKind, Spool } from "./spool.ts";

export interface AgentOptions {
  readonly version: string;
  readonly credentialsFile: string;
  /** Reads the ticket as it is now; it may be replaced while the agent runs. */
  readonly readTicket: () => ClaimTicket | undefined;
  readonly claimer: Claimer;
  readonly measure: () => Promise<Measurement>;
  readonly spool: Spool;
  /** Absent where the disk takes none: commands are refused then. */
  readonly journal: CommandJournal | undefined;
  /** Where the door is, over what the server said. */
  readonly door: Partial<DoorAddress>;
  /** Seconds between two samples, over what the server said. */
  readonly sampleSeconds: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Without credentials nobody has said a pace yet. */
const defaultSampleSeconds = 10;
const firstRoundMs = 2_000;
const stopLimitMs = 3_000;

/** Starts the agent: it measures from now on, and tells the server as soon as and whenever there is one. */
export function startAgent({
  version,
  credentialsFile,
  readTicket,
  claimer,
  measure,
  spool,
  journal,
  door,
  sampleSeconds,
  clock,
  log,
}: AgentOptions) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const outbox = createOutbox({ spool, log });
  const stepOfClock = createStepWatch(clock);
  let credentials = readCredentials(credentialsFile);
  /** Ends the wait for the next sample: the pace has changed. */
  let newPace = new AbortController();
  const desk = createCommandDesk({ journal, run: { ping: async ({ nonce }) => ({ nonce }), measure_now: measureNow }, clock, log });
  let session: { readonly link: Link; readonly sender: Sender; startBeating(): void } | undefined;
  let firstIdOfRun: number | undefined;
  let reportedDropped = totalDropped();

  function totalDropped(): number {
    const { dropped, refused } = spool.stats();
    return dropped.sample + dropped.event + refused;
  }

  function keep(kind: RecordKind, content: object): void {
    const stepMs = stepOfClock();
    if (stepMs > 0) {
      const mended = firstIdOfRun === undefined ? 0 : outbox.shift(stepMs, firstIdOfRun);
      log.warn({ stepMs, mended }, "the clock was put forward; what was measured before got its right time");
    }
    const record = outbox.keep(kind, clock.nowMs(), JSON.stringify(content));
    if (record === undefined) return;
    if (record.id > 0) firstIdOfRun ??= record.id;
    session?.sender.fresh(record);
  }

  function event(type: string, data: Readonly<Record<string, unknown>>): void {
    keep("event", { type, data });
  }

  async function measureForever(): Promise<void> {
    let [nextMs, first] = [clock.monotonicMs(), true];
    while (!signal.aborted) {
      try {
        const values = await measure();
        if (Object.keys(values).length > 0) keep("sample", values);
      } catch (error) {
        log.error({ err: error }, "measuring failed");
      }
      const everyMs = paceSeconds() * 1_000;
      // Rates need two looks; whoever waits for the first should not wait a whole round for the second.
      nextMs += first ? Math.min(everyMs, firstRoundMs) : everyMs;
      first = false;
      // What was missed while the machine slept is missing; it is not made up for.
      if (nextMs < clock.monotonicMs()) nextMs = clock.monotonicMs() + everyMs;
      await pauseAtPace(nextMs - clock.monotonicMs());
      if (newPace.signal.aborted) {
        newPace = new AbortController();
        nextMs = Math.min(nextMs, clock.monotonicMs() + paceSeconds() * 1_000);
        await pauseAtPace(nextMs - clock.monotonicMs());
      }
    }
  }

  /** Seconds between two samples that are in force. */
  function paceSeconds(): number {
    return sampleSeconds ?? credentials?.reply.configuration.sample_seconds ?? defaultSampleSeconds;
  }

  async function pauseAtPace(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: AbortSignal.any([signal, newPace.signal]) }).catch(() => undefined);
  }

  async function measureNow(): Promise<Measurement> {
    const values = await measure();
    keep("sample", values);
    return values;
  }

  async function pause(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
  }

  async function linkForever(): Promise<void> {
    const backoff = createBackoff();
    while (!signal.aborted) {
      try {
        credentials ??= await claim();
        await oneSession(credentials, () => backoff.reset());
      } catch (error) {
        if (signal.aborted) return;
        tellFailure(error);
        if (isRefusedLink(error)) credentials = await claimAnew(credentials);
      }
      const waitMs = backoff.next();
      log.debug({ waitMs }, "waiting before the next try");
      await pause(waitMs);
    }
  }

  function tellFailure(error: unknown): void {
    if (!isAppError(error)) {
      log.error({ err: error }, "the link failed");
      return;
    }
    // A certificate is not valid yet for a board that thinks it is 1970.
    const clockSet = isClockSet(clock.nowMs());
    log.warn({ code: error.code, ...error.details, ...(clockSet ? {} : { clock: "not set" }) }, error.message);
  }

  async function claim(): Promise<Credentials> {
    const ticket = readTicket();
    if (ticket === undefined) throw agentClaimErrors.no_ticket();
    const reply = await claimer.claim(ticket);
    const claimed: Credentials = { claimedWith: markOf(ticket.secret), server: ticket.server, reply };
    writeCredentials(credentialsFile, claimed);
    log.info({ deviceId: reply.device_id, server: ticket.server }, "claimed");
    return claimed;
  }

  /** Refused credentials are given up only for a new ticket: a server that errs for a while must not cost us the old ones. */
  async function claimAnew(old: Credentials | undefined): Promise<Credentials | undefined> {
    const ticket = readTicket();
    if (old === undefined || ticket === undefined || markOf(ticket.secret) === old.claimedWith) return old;
    try {
      return await claim();
    } catch (error) {
      tellFailure(error);
      return old;
    }
  }

  async function oneSession({ reply }: Credentials, onUp: () => void): Promise<void> {
    const address = { host: door.host ?? reply.mqtt.host, port: door.port ?? reply.mqtt.port };
    const will = JSON.stringify({ state: "offline", firmware_version: version });
    const link = await openLink({ reply, door: address, will, hear });
    if (signal.aborted) {
      await link.close();
      return;
    }
    await link.retain(reply.topics.status, JSON.stringify({ state: "online", firmware_version: version }));
    onUp();
    log.info({ ...address, waiting: spool.stats().records }, "linked");
    const sender = createSender({ outbox, link, topics: reply.topics, log });
    let beating: NodeJS.Timeout | undefined;
    const startBeating = () => {
      clearInterval(beating);
      const everySeconds = credentials?.reply.configuration.heartbeat_seconds ?? reply.configuration.heartbeat_seconds;
      const beat = () => link.tell(reply.topics.heartbeat, JSON.stringify(heartbeat(everySeconds)));
      beat();
      beating = setInterval(beat, everySeconds * 1_000);
    };
    startBeating();
    session = { link, sender, startBeating };
    tellDropped();
    desk.linked(link, (id) => reply.topics.command_ack.replace("{commandId}", id));
    tellConfiguration();
    try {
      await link.listen([reply.topics.commands, reply.topics.config]);
      await sender.run();
      const reason = await link.closed;
      if (!signal.aborted) log.warn({ reason }, "the link was lost");
    } finally {
      clearInterval(beating);
      session = undefined;
      desk.unlinked();
    }
  }

  /** What comes on a topic of ours. */
  function hear(topic: string, payload: string): void {
    const topics = credentials?.reply.topics;
    if (topics === undefined) return;
    if (topic === topics.config) takeConfiguration(payload);
    else desk.take(topic.slice(topic.lastIndexOf("/") + 1), payload);
  }

  /** What the server wants this device to be set to: kept first, then in force, then told. */
  function takeConfiguration(payload: string): void {
    const wanted = readWanted(payload);
    if (wanted === undefined || credentials === undefined) {
      log.warn("the configuration that came cannot be read; the old one stays in force");
      return;
    }
    if (JSON.stringify(wanted) !== JSON.stringify(credentials.reply.configuration)) {
      credentials = { ...credentials, reply: { ...credentials.reply, configuration: wanted } };
      writeCredentials(credentialsFile, credentials);
      log.info({ ...wanted }, "another configuration is in force");
      newPace.abort();
      session?.startBeating();
    }
    tellConfiguration();
  }

  /** Says what is in force here, which the host's own settings may decide otherwise than the server. */
  function tellConfiguration(): void {
    const { reply } = credentials ?? {};
    if (reply === undefined || session === undefined) return;
    const { version: known, heartbeat_seconds } = reply.configuration;
    const report = JSON.stringify({ version: known, heartbeat_seconds, sample_seconds: paceSeconds() });
    // The next link tells it again.
    session.link.deliver(reply.topics.config_reported, report, []).catch((error: unknown) => log.debug({ err: error }, "not told yet"));
  }

  function heartbeat(interval: number) {
    return { timestamp: clock.nowMs(), uptime: Math.round(clock.monotonicMs() / 1_000), interval };
  }

  /** What was dropped while nobody listened is said once somebody does. */
  function tellDropped(): void {
    const { dropped, refused } = spool.stats();
    const total = totalDropped();
    if (total === reportedDropped) return;
    reportedDropped = total;
    event("spool_dropped", { samples: dropped.sample, events: dropped.event, refused });
  }

  const { endedCleanly, damagedFile } = spool.history;
  if (endedCleanly === false) {
    log.warn("the last run did not end cleanly");
    event("agent_unclean_stop", { waiting: spool.stats().records });
  }
  if (damagedFile !== undefined) {
    log.error({ damagedFile }, "the spool was damaged and put aside; measuring goes on with an empty one");
    event("spool_damaged", {});
  }
  const work = Promise.all([measureForever(), linkForever()]);

  return {
    stats: () => ({ ...outbox.stats(), linked: session !== undefined }),
    /** Says goodbye to the server, keeps what is left for the next start. */
    async stop(): Promise<void> {
      stopping.abort();
      const reply = credentials?.reply;
      const { link } = session ?? {};
      if (link !== undefined && reply !== undefined) {
        const goodbye = link.retain(reply.topics.status, JSON.stringify({ state: "offline", firmware_version: version }));
        await Promise.race([goodbye.catch(() => undefined), sleep(stopLimitMs)]);
        await Promise.race([link.close(), sleep(stopLimitMs)]);
      }
      await desk.stop(stopLimitMs);
      await Promise.race([work, sleep(stopLimitMs)]);
      spool.close();
    },
  };
}
