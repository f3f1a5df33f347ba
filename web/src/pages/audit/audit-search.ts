/** What the address of the page says. */
export interface AuditSearch {
  readonly q?: string | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly kind?: string | undefined;
  readonly object?: string | undefined;
  readonly outcome?: "done" | "refused" | undefined;
  /** Days as `2026-03-29`, in the zone of the browser. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The filter of the routes, in its wire form. */
export interface AuditQuery {
  readonly q?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly objectKind?: string;
  readonly objectId?: string;
  readonly outcome?: "done" | "refused";
  readonly from?: string;
  readonly to?: string;
}

/** What the address says, as the routes ask for it: both days are included, from midnight to midnight where the person is. */
export function filterOf({ q, actor, action, kind, object, outcome, from, to }: AuditSearch): AuditQuery {
  const begin = from === undefined ? undefined : midnight(from, 0);
  const end = to === undefined ? undefined : midnight(to, 1);
  return {
    ...(q === undefined ? {} : { q }),
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(kind === undefined ? {} : { objectKind: kind }),
    ...(object === undefined ? {} : { objectId: object }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(begin === undefined ? {} : { from: begin }),
    ...(end === undefined ? {} : { to: end }),
  };
}

function midnight(day: string, later: number): string | undefined {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day) ?? [];
  const at = new Date(Number(year), Number(month) - 1, Number(date) + later);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
