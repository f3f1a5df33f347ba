import type UPlot from "uplot";

import { pinch } from "./pinch.ts";

/**
 * Fingers on a plot: one moves the cursor along the time, two stretch and shift the range; lifting them settles it. Up and down stays the
 * page's own scrolling.
 */
export function followTouch(plot: UPlot, onZoom: (from: number, to: number) => void): void {
  const { over } = plot;
  const fingers = new Map<number, number>();
  let start: { fingers: [number, number]; from: number; to: number } | undefined;
  over.style.touchAction = "pan-y";

  const place = (event: PointerEvent) => event.clientX - over.getBoundingClientRect().left;
  const pair = (): [number, number] | undefined => {
    const [first, second] = [...fingers.values()].sort((a, b) => a - b);
    return first === undefined || second === undefined ? undefined : [first, second];
  };

  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, place(event));
    const two = pair();
    const scale = plot.scales["x"];
    if (two !== undefined) start = { fingers: two, from: scale?.min ?? 0, to: scale?.max ?? 1 };
    else plot.setCursor({ left: place(event), top: 0 });
  });
  over.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch" || !fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, place(event));
    const two = pair();
    if (two === undefined) {
      if (start === undefined) plot.setCursor({ left: place(event), top: 0 });
    } else if (start !== undefined) {
      const { from, to } = pinch(start, two, over.clientWidth);
      plot.setScale("x", { min: from, max: to });
    }
  });
  const lift = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId) || start === undefined || fingers.size > 1) return;
    const scale = plot.scales["x"];
    start = undefined;
    if (typeof scale?.min === "number" && typeof scale.max === "number") onZoom(scale.min * 1_000, scale.max * 1_000);
  };
  over.addEventListener("pointerup", lift);
  over.addEventListener("pointercancel", lift);
}
