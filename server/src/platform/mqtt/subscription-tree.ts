import { hasWildcard } from "./topic-filter.ts";

interface Node<Value> {
  children: Map<string, Node<Value>> | undefined;
  /** Filters that end at this level. */
  here: Value[] | undefined;
  /** Filters that end with `#` below this level. */
  below: Value[] | undefined;
}

function newNode<Value>(): Node<Value> {
  return { children: undefined, here: undefined, below: undefined };
}

/** Who listens to what: filters in, and for a topic everyone whose filter matches. */
export class SubscriptionTree<Value> {
  readonly #exact = new Map<string, Value[]>();
  readonly #root = newNode<Value>();
  #wild = 0;
  #version = 0;

  /** Grows with every change: whoever remembers a match asks again when it has moved. */
  get version(): number {
    return this.#version;
  }

  add(filter: string, value: Value): void {
    this.#version += 1;
    if (!hasWildcard(filter)) {
      const values = this.#exact.get(filter);
      if (values === undefined) this.#exact.set(filter, [value]);
      else values.push(value);
      return;
    }
    this.#wild += 1;
    let node = this.#root;
    for (const level of filter.split("/")) {
      if (level === "#") {
        (node.below ??= []).push(value);
        return;
      }
      node.children ??= new Map();
      let next = node.children.get(level);
      if (next === undefined) {
        next = newNode();
        node.children.set(level, next);
      }
      node = next;
    }
    (node.here ??= []).push(value);
  }

  remove(filter: string, value: Value): void {
    this.#version += 1;
    if (!hasWildcard(filter)) {
      const left = without(this.#exact.get(filter), value);
      if (left === undefined) this.#exact.delete(filter);
      else this.#exact.set(filter, left);
      return;
    }
    if (removeBelow(this.#root, filter.split("/"), 0, value)) this.#wild -= 1;
  }

  /** Everyone whose filter matches; one may be in it more than once, by several filters. */
  match(topic: string): Value[] {
    const found: Value[] = [];
    const exact = this.#exact.get(topic);
    if (exact !== undefined) found.push(...exact);
    if (this.#wild > 0) collect(this.#root, topic.split("/"), 0, found);
    return found;
  }
}

function without<Value>(values: Value[] | undefined, value: Value): Value[] | undefined {
  const left = values?.filter((one) => one !== value);
  return left === undefined || left.length === 0 ? undefined : left;
}

function removeBelow<Value>(node: Node<Value>, levels: readonly string[], depth: number, value: Value): boolean {
  const level = levels[depth];
  if (level === undefined) {
    const had = node.here?.includes(value) ?? false;
    node.here = without(node.here, value);
    return had;
  }
  if (level === "#") {
    const had = node.below?.includes(value) ?? false;
    node.below = without(node.below, value);
    return had;
  }
  const next = node.children?.get(level);
  if (next === undefined) return false;
  const removed = removeBelow(next, levels, depth + 1, value);
  if (next.here === undefined && next.below === undefined && next.children === undefined) {
    node.children?.delete(level);
    if (node.children?.size === 0) node.children = undefined;
  }
  return removed;
}

function collect<Value>(node: Node<Value>, levels: readonly string[], depth: number, found: Value[]): void {
  const level = levels[depth];
  // A topic that begins with $ is for those who name it (4.7.2).
  const hidden = depth === 0 && level?.startsWith("$") === true;
  if (node.below !== undefined && !hidden) found.push(...node.below);
  if (level === undefined) {
    if (node.here !== undefined) found.push(...node.here);
    return;
  }
  const exact = node.children?.get(level);
  if (exact !== undefined && level !== "+") collect(exact, levels, depth + 1, found);
  const any = hidden ? undefined : node.children?.get("+");
  if (any !== undefined) collect(any, levels, depth + 1, found);
}
