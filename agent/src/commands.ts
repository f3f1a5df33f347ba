import { expiredCode } from "@roost/contract/commands";
import type { CommandAck } from "@roost/contract/commands";
import { isAppError } from "@roost/contract/errors";
import { hostKit } from "@roost/kits/host/kit";
import { z } from "zod";

import { isClockSet } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { Answer, CommandJournal } from "./command-journal.ts";
import { linkErrors } from "./link.ts";
import type { Link } from "./link.ts";
import type { Log } from "./log.ts";

const { commands: manifests } = hostKit.deviceKinds["linux-host"];

/** The commands a Linux host understands, as its kit names them. */
export type HostCommand = keyof typeof manifests;
type Params<Name extends HostCommand> = z.output<(typeof manifests)[Name]["params"]>;

/** What is done for each command; the signal says that somebody wants it stopped. What it returns is the command's result. */
export type HostCommands = {
  readonly [Name in HostCommand]: (params: Params<Name>, signal: AbortSignal) => Promise<NonNullable<CommandAck["result"]>>;
};

function noDisk(): never {
  throw new Error("There is no journal of commands.");
}
const noJournal: CommandJournal = { find: noDisk, begin: noDisk, end: noDisk, told: noDisk, untold: () => [], close: () => undefined };

const order = z.object({
  name: z.string(),
  params: z.record(z.string(), z.json()).default({}),
  expires_at: z.iso.datetime({ offset: true }).optional(),
});
const stop = z.object({ cancel: z.literal(true) });

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}

/**
 * Does what the server asks, each command at most once, whatever is delivered how often: its id is on disk before it begins. An answer is told
 * until the server has confirmed it.
 */
export function createCommandDesk({
  journal: given,
  run,
  clock,
  log,
}: {
  /** Absent: no command is begun, for nobody could tell whether it was begun before. */
  journal: CommandJournal | undefined;
  run: HostCommands;
  clock: Clock;
  log: Log;
}) {
  const journal = given ?? noJournal;
  let session: { readonly link: Link; readonly topicOf: (id: string) => string } | undefined;
  let working: Promise<void> = Promise.resolve();
  let [isTelling, isAsked] = [false, false];
  let isStopped = false;
  const underWay = new Map<string, AbortController>();

  /** Why a command is not begun; `undefined` where it is. */
  function whyNot(read: z.ZodSafeParseResult<z.output<typeof order>>): string | undefined {
    if (!read.success) return "malformed";
    const { name, params, expires_at } = read.data;
    // A board whose clock is not set cannot judge; the server does not send what has expired.
    const isLate = expires_at !== undefined && isClockSet(clock.nowMs()) && Date.parse(expires_at) <= clock.nowMs();
    if (isLate) return expiredCode;
    if (!Object.hasOwn(manifests, name)) return "unknown_command";
    return manifests[name as HostCommand].params.safeParse(params).success ? undefined : "bad_params";
  }

  function end(id: string, ack: CommandAck): void {
    journal.end(id, ack, clock.nowMs());
    log.info({ command: id, state: ack.state, code: ack.code }, "a command has ended");
    tellSoon();
  }

  async function perform(id: string, name: HostCommand, params: unknown): Promise<void> {
    const stopping = new AbortController();
    underWay.set(id, stopping);
    try {
      const wanted = manifests[name].params.parse(params);
      const result = await (run[name] as (given: typeof wanted, signal: AbortSignal) => Promise<NonNullable<CommandAck["result"]>>)(
        wanted,
        stopping.signal,
      );
      if (!isStopped) end(id, { state: "done", result });
    } catch (error) {
      // Not noted: the next start finds it begun and not ended.
      if (isStopped) return;
      if (stopping.signal.aborted) return end(id, { state: "cancelled" });
      log.error({ err: error, command: id }, "a command failed");
      end(id, { state: "failed", code: isAppError(error) ? error.code : "error" });
    } finally {
      underWay.delete(id);
    }
  }

  function cancel(id: string): void {
    const running = underWay.get(id);
    if (running !== undefined) return running.abort();
    // Whether it never came, or waits for the one before it: it is not begun any more.
    if (journal.find(id)?.state !== "answered") end(id, { state: "cancelled" });
  }

  async function tell(): Promise<void> {
    while (session !== undefined) {
      const [next] = journal.untold();
      if (next === undefined) return;
      await tellOne(session.link, session.topicOf(next.id), next);
    }
  }

  async function tellOne(link: Link, topic: string, { id, ack }: Answer): Promise<void> {
    try {
      await link.deliver(topic, JSON.stringify(ack), []);
    } catch (error) {
      // Never taken: told again it would be refused again.
      if (!isAppError(error, linkErrors.message_refused.code)) throw error;
    }
    if (!isStopped) journal.told(id);
  }

  async function tellAll(): Promise<void> {
    try {
      while (isAsked) {
        isAsked = false;
        await tell();
      }
    } catch (error) {
      // The next answer or the next link brings it.
      log.debug({ err: error }, "an answer to a command is told later");
    } finally {
      isTelling = false;
    }
  }

  function tellSoon(): void {
    isAsked = true;
    if (session === undefined || isTelling) return;
    isTelling = true;
    void tellAll();
  }

  function note(id: string, payload: string): void {
    if (isStopped) throw linkErrors.lost({ reason: "stopping" });
    const body = parse(payload);
    if (stop.safeParse(body).success) return cancel(id);
    const known = journal.find(id);
    if (known !== undefined) {
      log.info({ command: id }, "a command came again; it is not begun again");
      if (known.state === "answered") end(id, known.ack);
      return;
    }
    const read = order.safeParse(body);
    const fault = whyNot(read);
    if (fault !== undefined || !read.success) return end(id, { state: "failed", code: fault ?? "malformed" });
    journal.begin(id, clock.nowMs());
    const { name, params } = read.data;
    // One after the other: the second may rely on the first.
    working = working.then(async () => {
      if (!isStopped && journal.find(id)?.state === "begun") await perform(id, name as HostCommand, params);
    });
  }

  /** It was never begun, so that this may be said as often as it comes, and needs no disk. */
  function refuse(id: string): void {
    const topic = session?.topicOf(id);
    if (session === undefined || topic === undefined) return;
    session.link
      .deliver(topic, JSON.stringify({ state: "failed", code: "not_noted" } satisfies CommandAck), [])
      .catch((error: unknown) => log.debug({ err: error }, "a refusal was not told"));
  }

  return {
    /** Takes what came on a command's topic. What it becomes is on disk when this returns; only then the server is told that it came. */
    take(id: string, payload: string): void {
      try {
        note(id, payload);
      } catch (error) {
        log.error({ err: error, command: id }, "a command could not be noted and is not begun");
        refuse(id);
      }
    },
    /** A link is there: what the server does not know yet is told. */
    linked(link: Link, topicOf: (id: string) => string): void {
      session = { link, topicOf };
      tellSoon();
    },
    unlinked(): void {
      session = undefined;
    },
    /** Waits for what is under way, as far as that goes. */
    async stop(withinMs: number): Promise<void> {
      session = undefined;
      isStopped = true;
      for (const running of underWay.values()) running.abort();
      await Promise.race([working, new Promise((resolve) => setTimeout(resolve, withinMs).unref())]);
      journal.close();
    },
  };
}
