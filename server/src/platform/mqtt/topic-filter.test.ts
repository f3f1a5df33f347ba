import { describe, expect, it } from "vitest";

import type { Message } from "./message.ts";
import type { Principal } from "./principal.ts";
import { RetainedStore } from "./retained-store.ts";
import { SubscriptionTree } from "./subscription-tree.ts";
import { isTopicFilter, isTopicName, levelsOf, matches } from "./topic-filter.ts";

/** Examples of the standard (4.7.1) and the corners beside them. */
const table: [filter: string, topic: string, isMatch: boolean][] = [
  ["a/b/c", "a/b/c", true],
  ["a/b/c", "a/b", false],
  ["a/b", "a/b/c", false],
  ["a/b", "A/b", false],
  ["a/#", "a", true],
  ["a/#", "a/b", true],
  ["a/#", "a/b/c/d", true],
  ["a/#", "ab", false],
  ["#", "a/b", true],
  ["#", "/a", true],
  ["+", "a", true],
  ["+", "a/b", false],
  ["+", "/a", false],
  ["+/+", "/a", true],
  ["/+", "/a", true],
  ["+/b/#", "a/b/c", true],
  ["+/b/#", "a/b", true],
  ["a/+/c", "a/b/c", true],
  ["a/+/c", "a//c", true],
  ["a/+", "a/", true],
  ["a/+", "a", false],
  ["a//c", "a//c", true],
  ["a//c", "a/b/c", false],
  ["#", "$SYS/uptime", false],
  ["+/uptime", "$SYS/uptime", false],
  ["$SYS/#", "$SYS/uptime", true],
  ["$SYS/+", "$SYS/uptime", true],
  ["a/$b", "a/$b", true],
  ["a/#", "a/$b", true],
  ["devices/+/telemetry", "devices/coop-1/telemetry", true],
  ["devices/+/telemetry", "devices/coop-1/status", false],
];

function messageOn(topic: string, author?: Principal): Message {
  return {
    topic,
    payload: Buffer.from("x"),
    qos: 0,
    retain: true,
    properties: undefined,
    expiresAtMs: Infinity,
    author,
    origin: undefined,
  };
}

describe("topics and filters", () => {
  it.each(table)("filter %s on topic %s: %s", (filter, topic, isMatch) => {
    expect(matches(filter, topic)).toBe(isMatch);
    const tree = new SubscriptionTree<string>();
    tree.add(filter, "me");
    expect(tree.match(topic)).toEqual(isMatch ? ["me"] : []);
    const retained = new RetainedStore();
    retained.set(messageOn(topic));
    expect(retained.topicsFor(filter)).toEqual(isMatch ? [topic] : []);
  });

  it.each(["", "a/#/b", "a#", "#/a", "a+", "+a/b", "a/b+", "##", "++"])("%j is no filter", (filter) => {
    expect(isTopicFilter(filter)).toBe(false);
  });

  it.each(["#", "+", "/", "a/+/b", "a/#", "+/+/#", "/+", "a//b"])("%j is a filter", (filter) => {
    expect(isTopicFilter(filter)).toBe(true);
  });

  it("a topic of a message has no wildcard and is not empty", () => {
    expect(["a", "/", "a b"].every(isTopicName)).toBe(true);
    expect(["", "a/+", "#", "a#b"].some(isTopicName)).toBe(false);
  });

  it("counts levels", () => {
    expect(["a", "a/b", "/", "a//b"].map(levelsOf)).toEqual([1, 2, 2, 3]);
  });
});

describe("the subscription tree", () => {
  it("gives the same answers as matching one by one, whatever is added and removed", () => {
    const filters = [...new Set(table.map(([filter]) => filter))];
    const topics = table.map(([, topic]) => topic);
    const tree = new SubscriptionTree<string>();
    const held = new Set<string>();
    for (let step = 0; step < 400; step += 1) {
      const filter = filters[(step * 7 + (step >> 3)) % filters.length] ?? "a";
      if (held.delete(filter)) tree.remove(filter, filter);
      else {
        held.add(filter);
        tree.add(filter, filter);
      }
      const topic = topics[step % topics.length] ?? "a";
      expect(tree.match(topic).toSorted()).toEqual([...held].filter((one) => matches(one, topic)).toSorted());
    }
  });

  it("moves its version with every change, so that nobody trusts an old answer", () => {
    const tree = new SubscriptionTree<string>();
    const versions = [tree.version];
    tree.add("a/+", "me");
    versions.push(tree.version);
    tree.remove("a/+", "me");
    versions.push(tree.version);
    expect(new Set(versions).size).toBe(3);
  });

  it("keeps others when one of equal filters goes", () => {
    const tree = new SubscriptionTree<string>();
    tree.add("a/+", "one");
    tree.add("a/+", "two");
    tree.add("a/b", "three");
    tree.remove("a/+", "one");
    tree.remove("x/y/z", "one");
    expect(tree.match("a/b").toSorted()).toEqual(["three", "two"]);
  });
});

describe("the retained store", () => {
  const author = { id: "coop-1", revoked: false } as Principal;

  it("counts what each author keeps, and gives it back", () => {
    const retained = new RetainedStore();
    retained.set(messageOn("a/b", author));
    retained.set(messageOn("a/b", author));
    retained.set(messageOn("a/c", author));
    expect(retained.shareOf("coop-1")).toEqual({ messages: 2, bytes: 8 });
    retained.set({ ...messageOn("a/b", author), payload: Buffer.alloc(0) });
    retained.delete("a/c");
    expect(retained.shareOf("coop-1")).toEqual({ messages: 0, bytes: 0 });
    expect([retained.count, retained.bytes, retained.topicsFor("#")]).toEqual([0, 0, []]);
  });

  it("sweeps out what is over", () => {
    const retained = new RetainedStore();
    retained.set(messageOn("a/b", author));
    retained.set(messageOn("a/b/c"));
    expect(retained.sweep((message) => message.author === author)).toBe(1);
    expect(retained.topicsFor("#")).toEqual(["a/b/c"]);
  });
});
