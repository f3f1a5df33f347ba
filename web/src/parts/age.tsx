import { useMoment } from "../roost.tsx";
import { formatAge, formatExact, formatSpan } from "./format.ts";

/** When something was, relative, with the exact instant on hover. `short` leaves out the `ago`. */
export function Age({ at, short = false }: { readonly at: Date; readonly short?: boolean }) {
  const words = useMoment((now) => {
    // The ticker may stand a moment before an instant that has just come from the server.
    const moment = Math.max(now, Math.min(at.getTime(), now + 3_000));
    return short ? shortAge(moment - at.getTime()) : formatAge(at, moment);
  });
  return (
    // The exact instant is put into words only for the one that is pointed at: a page may hold a thousand ages.
    <time dateTime={at.toISOString()} onPointerEnter={(event) => (event.currentTarget.title = formatExact(at))}>
      {words}
    </time>
  );
}

function shortAge(ms: number): string {
  return ms < 2_000 ? "now" : formatSpan(ms);
}

/** How long from one instant to another, or to now: `for 12 min`. */
export function Lasting({ from, to }: { readonly from: Date; readonly to?: Date | undefined }) {
  return useMoment((now) => formatSpan((to?.getTime() ?? now) - from.getTime()));
}
