/** Checks that run inside of a page, as text for `page.evaluate`; each answers the faults it found, at best none. */
export const pageChecks = {
  /** Buttons, fields and links that stand alone are 44 px high for a finger; links inside of text are exempt (WCAG 2.5.8), fields inside of a frame of that height too. */
  smallTargets: `[...document.querySelectorAll("button, nav a, summary, select, input:not([type=checkbox], [role=switch]), [role=tab]")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.closest("[aria-hidden=true]") === null)
    .filter((one) => !one.matches(".mantine-PasswordInput-visibilityToggle, .mantine-PasswordInput-innerInput, .mantine-CloseButton-root, .mantine-Input-section *"))
    .map((one) => ({ height: Math.round(one.getBoundingClientRect().height), text: one.outerHTML.slice(0, 120) }))
    .filter((one) => one.height > 0 && one.height < 44)`,

  /** Everything that can be pressed has a name for those who do not see it. */
  unnamed: `[...document.querySelectorAll("button, a[href], input, img")]
    .filter((one) => one.checkVisibility())
    .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.getAttribute("alt") || one.labels?.length || one.getAttribute("aria-labelledby")))
    .map((one) => one.outerHTML.slice(0, 160))`,

  /** Text has 4.5:1 against what is behind it, large text 3:1 (WCAG 1.4.3); what is switched off is exempt. */
  faint: `(() => {
    const parse = (colour) => {
      const parts = (colour.match(/[\\d.]+/g) ?? []).map(Number);
      const [red = 0, green = 0, blue = 0, alpha = 1] = colour.startsWith("color(") ? [...parts.slice(0, 3).map((part) => part * 255), parts[3] ?? 1] : parts;
      return { red, green, blue, alpha };
    };
    const over = (top, below) => ({
      red: top.red * top.alpha + below.red * (1 - top.alpha),
      green: top.green * top.alpha + below.green * (1 - top.alpha),
      blue: top.blue * top.alpha + below.blue * (1 - top.alpha),
      alpha: 1,
    });
    const ground = (element) => {
      const layers = [];
      for (let one = element; one !== null; one = one.parentElement) {
        const colour = parse(getComputedStyle(one).backgroundColor);
        if (colour.alpha > 0) layers.push(colour);
        if (colour.alpha === 1) break;
      }
      return layers.reverse().reduce((below, top) => over(top, below), { red: 255, green: 255, blue: 255, alpha: 1 });
    };
    const luminance = ({ red, green, blue }) => {
      const [r, g, b] = [red, green, blue].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faults = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      if (node.textContent.trim() === "" || element.closest("script, style, noscript, :disabled, [data-disabled], .unseen") !== null) continue;
      if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const style = getComputedStyle(element);
      const behind = ground(element);
      const [light, dark] = [luminance(over(parse(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      const size = Number.parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) faults.push(ratio.toFixed(2) + " " + style.color + ": " + node.textContent.trim().slice(0, 60));
    }
    return [...new Set(faults)];
  })()`,
} as const;
