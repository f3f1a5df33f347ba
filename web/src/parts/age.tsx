import { useNow } from "../roost.tsx";
import { formatAge, formatExact, formatSpan } from "./format.ts";

/** When something was, relative, with the exact instant on hover. `short` leaves out the `ago`. */
export function Age({ at, short = false }: { readonly at: Date; readonly short?: boolean }) {
  const now = useNow();
  // The ticker may stand a moment before an instant that has just come from the server.
  const moment = Math.max(now, Math.min(at.getTime(), now + 3_000));
  return (
    <time dateTime={at.toISOString()} title={formatExact(at)}>
      {short ? shortAge(moment - at.getTime()) : formatAge(at, moment)}
    </time>
  );
}

function shortAge(ms: number): string {
  return ms < 2_000 ? "now" : formatSpan(ms);
}

/** How long from one instant to another, or to now: `for 12 min`. */
export function Lasting({ from, to }: { readonly from: Date; readonly to?: Date | undefined }) {
  const now = useNow(1_000);
  return <>{formatSpan((to?.getTime() ?? now) - from.getTime())}</>;
}
