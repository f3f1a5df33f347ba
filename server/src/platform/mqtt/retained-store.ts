import type { Message } from "./message.ts";
import { hasWildcard } from "./topic-filter.ts";

interface Node {
  children: Map<string, Node> | undefined;
  message: Message | undefined;
}

interface Share {
  messages: number;
  bytes: number;
}

/** Retained messages in memory, found by filter; who wrote how many is counted. */
export class RetainedStore {
  readonly #root: Node = { children: undefined, message: undefined };
  readonly #shares = new Map<string, Share>();
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(topic: string): Message | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topic.split("/")) node = node?.children?.get(level);
    return node?.message;
  }

  /** Keeps a message in place of the topic's last one; an empty payload forgets it (3.3.1.3). */
  set(message: Message): void {
    if (message.payload.length === 0) {
      this.delete(message.topic);
      return;
    }
    let node = this.#root;
    for (const level of message.topic.split("/")) {
      node.children ??= new Map();
      let next = node.children.get(level);
      if (next === undefined) {
        next = { children: undefined, message: undefined };
        node.children.set(level, next);
      }
      node = next;
    }
    if (node.message !== undefined) this.#tally(node.message, -1);
    node.message = message;
    this.#tally(message, 1);
  }

  delete(topic: string): void {
    this.#deleteBelow(this.#root, topic.split("/"), 0);
  }

  /** What a principal keeps here. */
  shareOf(principalId: string): Readonly<Share> {
    return this.#shares.get(principalId) ?? { messages: 0, bytes: 0 };
  }

  /** Topics that match a filter and hold a message. */
  topicsFor(filter: string): string[] {
    if (!hasWildcard(filter)) return this.get(filter) === undefined ? [] : [filter];
    const topics: string[] = [];
    collect(this.#root, filter.split("/"), 0, topics);
    return topics;
  }

  /** Forgets what expired and what was written by someone who lost the right. @returns How many. */
  sweep(isOver: (message: Message) => boolean): number {
    const over: string[] = [];
    walk(this.#root, (message) => {
      if (isOver(message)) over.push(message.topic);
    });
    for (const topic of over) this.delete(topic);
    return over.length;
  }

  #deleteBelow(node: Node, levels: readonly string[], depth: number): void {
    const level = levels[depth];
    if (level === undefined) {
      if (node.message !== undefined) this.#tally(node.message, -1);
      node.message = undefined;
      return;
    }
    const next = node.children?.get(level);
    if (next === undefined) return;
    this.#deleteBelow(next, levels, depth + 1);
    if (next.message !== undefined || next.children !== undefined) return;
    node.children?.delete(level);
    if (node.children?.size === 0) node.children = undefined;
  }

  #tally(message: Message, sign: 1 | -1): void {
    const bytes = message.payload.length + message.topic.length;
    this.#count += sign;
    this.#bytes += sign * bytes;
    const author = message.author?.id;
    if (author === undefined) return;
    const share = this.#shares.get(author) ?? { messages: 0, bytes: 0 };
    share.messages += sign;
    share.bytes += sign * bytes;
    if (share.messages === 0) this.#shares.delete(author);
    else this.#shares.set(author, share);
  }
}

function walk(node: Node, visit: (message: Message) => void): void {
  if (node.message !== undefined) visit(node.message);
  for (const child of node.children?.values() ?? []) walk(child, visit);
}

function collect(node: Node, levels: readonly string[], depth: number, topics: string[]): void {
  const level = levels[depth];
  if (level === undefined) {
    if (node.message !== undefined) topics.push(node.message.topic);
    return;
  }
  if (level === "#") {
    for (const [name, child] of node.children ?? [])
      if (depth > 0 || !name.startsWith("$")) walk(child, (message) => topics.push(message.topic));
    // `a/#` matches `a` itself too (4.7.1.2).
    if (depth > 0 && node.message !== undefined) topics.push(node.message.topic);
    return;
  }
  if (level === "+") {
    for (const [name, child] of node.children ?? []) if (depth > 0 || !name.startsWith("$")) collect(child, levels, depth + 1, topics);
    return;
  }
  const next = node.children?.get(level);
  if (next !== undefined) collect(next, levels, depth + 1, topics);
}
