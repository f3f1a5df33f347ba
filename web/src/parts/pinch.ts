/**
 * The range two fingers ask for: what was under each finger when they came down stays under it.
 *
 * @param width - Of the plot, in the unit of the fingers' places.
 */
export function pinch(
  start: { readonly fingers: readonly [number, number]; readonly from: number; readonly to: number },
  fingers: readonly [number, number],
  width: number,
): { from: number; to: number } {
  const perPixel = (start.to - start.from) / width;
  const left = start.from + start.fingers[0] * perPixel;
  const right = start.from + start.fingers[1] * perPixel;
  // Fingers that meet would ask for an endless range.
  const apart = Math.max(fingers[1] - fingers[0], 12);
  const stretched = (right - left) / apart;
  const from = left - fingers[0] * stretched;
  return { from, to: from + width * stretched };
}
