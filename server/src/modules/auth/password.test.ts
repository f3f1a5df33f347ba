import { describe, expect, it } from "vitest";

import { createPasswordHasher, createWeakPasswordCheck } from "./password.ts";

describe("the check for weak passwords", () => {
  const isWeak = createWeakPasswordCheck();
  const about = ["keeper@example.org", "Henrietta Fowler"];

  it("refuses what is short, leaked, dressed up, repeated or a run along the keyboard", () => {
    for (const password of [
      "",
      "short-one-1",
      "Password1234",
      "p@ssw0rd!!!!",
      "123456789012",
      "qwertyuiop12",
      "QwErTyUiOp12",
      "abcdefghijklmnop",
      "zyxwvutsrqpo",
      "aaaaaaaaaaaaaaaa",
      "abcabcabcabcabc",
      "dragondragon",
      "!!!!monkey2024!!!!",
      "1qaz2wsx3edc",
      "20240101202401",
      "............a",
    ]) {
      expect([password, isWeak(password, about)]).toEqual([password, true]);
    }
  });

  it("refuses little more than a person's own name or address", () => {
    for (const password of ["keeper-keeper1", "Henrietta2024!", "fowlerhenrietta", "example.org-77"])
      expect([password, isWeak(password, about)]).toEqual([password, true]);
  });

  it("takes phrases and random strings, in any script", () => {
    for (const password of [
      "a long walk at dawn",
      "correct horse battery staple",
      "mfP9-xq2L-zz81",
      "henrietta rides the night train",
      "яблоко падает далеко",
      "鶏小屋の朝はとても静かです。",
      "vq7#kd!m2@zt",
    ]) {
      expect([password, isWeak(password, about)]).toEqual([password, false]);
    }
  });
});

describe("the password hasher", () => {
  it("makes argon2id hashes that only the password opens, typed on any keyboard", async () => {
    const hasher = createPasswordHasher();
    const hash = await hasher.hash("café au lait à l'aube");
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hasher.verify({ hash, password: "cafe\u0301 au lait a\u0300 l'aube" })).toBe(true);
    expect(await hasher.verify({ hash, password: "cafe au lait a l'aube" })).toBe(false);
  });

  it("S5: takes a hundred in turn and refuses more, and goes on when the flood is over", async () => {
    const hasher = createPasswordHasher();
    const flood = await Promise.allSettled(Array.from({ length: 110 }, async (_, index) => hasher.hash(`guess ${index}`)));
    const refused = flood.filter((one) => one.status === "rejected");
    expect(() => hasher.refuseIfFull()).not.toThrow();
    expect(refused).toHaveLength(9);
    expect(refused[0]).toMatchObject({ reason: { code: "http.too_many_requests" } });
    expect(await hasher.hash("after the flood")).toContain("$argon2id$");
  });

  it("S5: says that it is full before anything is given to it", async () => {
    const hasher = createPasswordHasher({ rest: 0 });
    const flood = Array.from({ length: 101 }, async (_, index) => hasher.hash(`guess ${index}`));
    expect(() => hasher.refuseIfFull()).toThrow(expect.objectContaining({ code: "http.too_many_requests" }));
    await Promise.all(flood);
    expect(() => hasher.refuseIfFull()).not.toThrow();
  });

  it("takes its rest between two, and makes as many at once as it is told", async () => {
    const hasher = createPasswordHasher({ atOnce: 2 });
    const hashes = await Promise.all(Array.from({ length: 7 }, async (_, index) => hasher.hash(`guess ${index}`)));
    expect(new Set(hashes).size).toBe(7);
    expect(await Promise.all([hasher.hash("one more"), hasher.hash("and another")])).toHaveLength(2);
  });
});
