import { excerptOf } from "./decode.ts";
import type { RejectRow } from "./ingest-store.ts";
import type { SendingDevice } from "./lane.ts";

/** Something that was refused, to be counted and kept. */
export interface RefusedMessage {
  /** One of the contract's, such as `ingest.malformed`. */
  readonly code: string;
  readonly topic: string;
  /** Start of the payload; made printable and cut here. */
  readonly excerpt: Uint8Array | string;
  /** Absent where nobody known sent it. */
  readonly device?: Pick<SendingDevice, "id"> | undefined;
  readonly organisationId?: string | undefined;
}

const minuteMs = 60_000;
const topicLength = 256;
/** Topics one sender is told of in a minute with one code; a flood of invented ones becomes one row. */
const topicsPerCode = 40;
const otherTopics = "(other topics)";

interface Tally {
  readonly refused: RefusedMessage;
  readonly topic: string;
  readonly excerpt: string;
  readonly minuteMs: number;
  readonly firstMs: number;
  lastMs: number;
  count: number;
}

/** Remembers over batches which topics a sender was told of in the minute at hand. */
export class TopicBudget {
  #minuteMs = 0;
  readonly #topics = new Map<string, Set<string>>();

  /** The topic as it is told: itself, or one name for all that are too many. */
  topicFor(group: string, topic: string, minuteMs: number): string {
    if (minuteMs !== this.#minuteMs) {
      this.#minuteMs = minuteMs;
      this.#topics.clear();
    }
    let topics = this.#topics.get(group);
    if (topics === undefined) this.#topics.set(group, (topics = new Set()));
    if (!topics.has(topic)) {
      if (topics.size >= topicsPerCode) return otherTopics;
      topics.add(topic);
    }
    return topic;
  }
}

/** The rejects of one batch, added up: what is kept is bounded by the senders, not by what they send. */
export class RejectBook {
  readonly #tallies = new Map<string, Tally>();
  readonly #budget: TopicBudget;

  constructor(budget: TopicBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#tallies.size;
  }

  add(refused: RefusedMessage, nowMs: number): void {
    const sender = refused.device?.id ?? "";
    const minute = nowMs - (nowMs % minuteMs);
    const group = `${sender}\n${refused.code}`;
    const topic = this.#budget.topicFor(group, refused.topic.slice(0, topicLength), minute);
    const key = `${group}\n${minute}\n${topic}`;
    const known = this.#tallies.get(key);
    if (known !== undefined) return count(known, nowMs);
    this.#tallies.set(key, {
      refused,
      topic: excerptOf(topic),
      excerpt: excerptOf(refused.excerpt),
      minuteMs: minute,
      firstMs: nowMs,
      lastMs: nowMs,
      count: 1,
    });
  }

  rows(): RejectRow[] {
    return [...this.#tallies.values()].map(({ refused, topic, excerpt, minuteMs, firstMs, lastMs, count }) => ({
      organisationId: refused.organisationId,
      deviceId: refused.device?.id,
      code: refused.code,
      topic,
      excerpt,
      count,
      minuteMs,
      firstMs,
      lastMs,
    }));
  }

  clear(): void {
    this.#tallies.clear();
  }
}

function count(tally: Tally, nowMs: number): void {
  tally.count += 1;
  tally.lastMs = Math.max(tally.lastMs, nowMs);
}
