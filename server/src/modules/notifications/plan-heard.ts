import type { Severity } from "@roost/contract/alarms";

import { stormWindowMs } from "./plan.ts";
import type { Heard, Telling } from "./plan.ts";
import { rankOf } from "./route.ts";

/** What rows say of one group at one target: the last word, and how many tellings of each severity are from within the debounce. */
export interface HeardGroup {
  readonly targetId: string;
  readonly groupKey: string;
  readonly severity: Severity;
  readonly lastMs: number;
  readonly recent: number;
}

/** How many tellings one message of the last minute stands for. */
export interface HeardMessage {
  readonly targetId: string;
  readonly messageId: string;
  readonly tellings: number;
}

/**
 * What targets heard lately: read once, then kept up with what is planned meanwhile, so that many alarms are planned as if each were looked at
 * with all rows before it written.
 */
export class HeardBook {
  readonly #recentSinceMs: number;
  readonly #stormSinceMs: number;
  readonly #groups = new Map<string, { lastMs: number; readonly recent: Map<Severity, number> }>();
  readonly #messages = new Map<string, Map<string, number>>();

  constructor(
    { nowMs, debounceMs }: { nowMs: number; debounceMs: number },
    { groups, messages }: { groups: readonly HeardGroup[]; messages: readonly HeardMessage[] },
  ) {
    this.#recentSinceMs = nowMs - debounceMs;
    this.#stormSinceMs = nowMs - stormWindowMs;
    for (const { targetId, groupKey, severity, lastMs, recent } of groups) {
      const group = this.#groupOf(targetId, groupKey, lastMs);
      if (recent > 0) group.recent.set(severity, recent);
    }
    for (const { targetId, messageId, tellings } of messages) this.#messagesOf(targetId).set(messageId, tellings);
  }

  /** A telling is another one now. What it was told last never goes back. */
  note(groupKey: string, before: Telling | undefined, after: Telling): void {
    if (before?.lastMs === after.lastMs && before?.severity === after.severity && before?.messageId === after.messageId) return;
    if (before !== undefined) this.#count(groupKey, before, -1);
    this.#count(groupKey, after, 1);
  }

  heard(targetId: string, groupKey: string): Heard {
    const group = this.#groups.get(`${targetId} ${groupKey}`);
    const [worst] = [...(group?.recent.keys() ?? [])].sort((one, other) => rankOf(other) - rankOf(one));
    return {
      messages: this.#messages.get(targetId)?.size ?? 0,
      ...(group === undefined ? {} : { lastMs: group.lastMs }),
      ...(worst === undefined ? {} : { worst }),
    };
  }

  #groupOf(targetId: string, groupKey: string, lastMs: number): { lastMs: number; readonly recent: Map<Severity, number> } {
    const key = `${targetId} ${groupKey}`;
    const group = this.#groups.get(key) ?? { lastMs, recent: new Map<Severity, number>() };
    group.lastMs = Math.max(group.lastMs, lastMs);
    this.#groups.set(key, group);
    return group;
  }

  #messagesOf(targetId: string): Map<string, number> {
    const messages = this.#messages.get(targetId) ?? new Map<string, number>();
    this.#messages.set(targetId, messages);
    return messages;
  }

  #count(groupKey: string, { targetId, lastMs, severity, messageId }: Telling, by: 1 | -1): void {
    if (lastMs === undefined) return;
    const group = this.#groupOf(targetId, groupKey, lastMs);
    if (lastMs > this.#recentSinceMs) add(group.recent, severity, by);
    if (lastMs > this.#stormSinceMs && messageId !== undefined) add(this.#messagesOf(targetId), messageId, by);
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
