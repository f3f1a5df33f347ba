import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./theme.css", import.meta.url), "utf8");

/** Colours of the first block that begins with the selector. */
function coloursOf(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("}", start));
  return Object.fromEntries([...block.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{3,6});/g)].map(([, name = "", colour = ""]) => [name, colour]));
}

function luminance(colour: string): number {
  const digits = colour.slice(1).length === 3 ? colour.slice(1).replaceAll(/./g, "$&$&") : colour.slice(1);
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @see https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const light = coloursOf(":root");
const schemes = { light, dark: { ...light, ...coloursOf(':root[data-mantine-color-scheme="dark"]') } };
const grounds = ["ground", "panel", "raised", "hover"];

const texts: readonly (readonly [text: string, on: readonly string[]])[] = [
  ["ink", [...grounds, "accent-soft", "critical-soft", "warning-soft", "info-soft"]],
  ["ink-2", [...grounds, "critical-soft"]],
  ["ink-3", ["ground", "panel", "raised"]],
  ["accent", ["ground", "panel", "raised"]],
  ["accent-strong", ["accent-soft"]],
  ["on-accent", ["accent", "accent-strong"]],
  ["critical", [...grounds, "critical-soft"]],
  ["warning", [...grounds, "warning-soft"]],
  ["info", [...grounds, "info-soft"]],
];
const marks = ["field-line", "critical", "warning-mark", "info", "accent"];

describe.each(Object.entries(schemes))("the %s colours", (scheme, colours) => {
  const of = (name: string) => {
    const colour = colours[name];
    if (colour === undefined) throw new Error(`${scheme}: there is no --${name}`);
    return colour;
  };

  it("give every text 4.5:1 on every ground it stands on", () => {
    for (const [text, on] of texts)
      for (const ground of on) expect(contrast(of(text), of(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });

  it("give every mark and field 3:1 on the grounds", () => {
    for (const mark of marks)
      for (const ground of ["ground", "panel"]) expect(contrast(of(mark), of(ground)), `${mark} on ${ground}`).toBeGreaterThanOrEqual(3);
  });
});
