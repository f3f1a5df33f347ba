import { describe, expect, it } from "vitest";

import type { KitSwitch } from "./kit-store.ts";
import { createSwitchBook } from "./switch-book.ts";

const standing = (isOn: boolean): KitSwitch => ({ organisationId: "ours", kit: "garden", isOn, settings: {}, rulesMade: [] });

/** A book whose looks are answered by hand, in whatever order. */
function slowBook() {
  const looks: ((rows: readonly KitSwitch[]) => void)[] = [];
  const book = createSwitchBook(() => new Promise((resolve) => looks.push(resolve)));
  const isOn = () => book.find("ours", "garden")?.isOn === true;
  return { book, looks, isOn };
}

describe("which kits are switched on", () => {
  it("is what was stored last, and what was switched here at once", async () => {
    const { book, looks, isOn } = slowBook();
    const looking = book.refresh();
    looks[0]?.([standing(true)]);
    await looking;
    expect(isOn()).toBe(true);
    book.put(standing(false));
    expect([isOn(), book.all().length]).toEqual([false, 1]);
  });

  it("is not taken back by a look that began before it was switched here", async () => {
    const { book, looks, isOn } = slowBook();
    const looking = book.refresh();
    book.put(standing(true));
    looks[0]?.([]);
    await expect.poll(() => looks.length).toBe(2);
    expect(isOn()).toBe(true);
    looks[1]?.([standing(true)]);
    await looking;
    expect(isOn()).toBe(true);
  });

  it("is not taken back by an older look that is answered later", async () => {
    const { book, looks, isOn } = slowBook();
    const [older, newer] = [book.refresh(), book.refresh()];
    looks[1]?.([standing(true)]);
    await newer;
    looks[0]?.([]);
    await older;
    expect(isOn()).toBe(true);
  });
});
