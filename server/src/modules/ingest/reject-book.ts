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
/** Topics one sender is told of in a batch with one code; a flood of invented ones becomes one row. */
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

/** The rejects of one batch, added up: what is kept is bounded by the senders, not by what they send. */
export class RejectBook {
  readonly #tallies = new Map<string, Tally>();
  readonly #topics = new Map<string, number>();

  get size(): number {
    return this.#tallies.size;
  }

  add(refused: RefusedMessage, nowMs: number): void {
    const sender = refused.device?.id ?? "";
    const minute = nowMs - (nowMs % minuteMs);
    const key = (topic: string) => `${sender}\n${refused.code}\n${minute}\n${topic}`;
    const known = this.#tallies.get(key(refused.topic));
    if (known !== undefined) return count(known, nowMs);
    const group = `${sender}\n${refused.code}`;
    const topics = this.#topics.get(group) ?? 0;
    const topic = topics < topicsPerCode ? refused.topic : otherTopics;
    const other = this.#tallies.get(key(topic));
    if (other !== undefined) return count(other, nowMs);
    this.#topics.set(group, topics + 1);
    this.#tallies.set(key(topic), {
      refused,
      topic: excerptOf(topic.slice(0, topicLength)),
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
    this.#topics.clear();
  }
}

function count(tally: Tally, nowMs: number): void {
  tally.count += 1;
  tally.lastMs = Math.max(tally.lastMs, nowMs);
}
