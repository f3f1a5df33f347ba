/** What a clock says that is wrong: 1970, as before the time came; an hour too much, as of a wrong zone; milliseconds since the start. */
export const wrongClocks = ["1970", "hour ahead", "since boot"] as const;
export type WrongClock = (typeof wrongClocks)[number];

interface Span {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** Something that goes wrong with a node for a while. */
export type Incident = Span &
  (
    | {
        readonly kind:
          | /** Its link breaks: it measures on and keeps what it cannot send. */ "reconnect"
          | /** The same for everybody behind one router. */ "outage"
          | /** It hangs: it measures nothing and says nothing, until it starts anew. */ "silence"
          | /** It sends and is told no: its password is not the one that counts. */ "wrong credential"
          | /** The time never came: readings without a time of their own. */ "no clock"
          | /** The air sensor does not answer. */ "failed dht"
          | /** The light sensor does not answer. */ "failed light"
          | /** The soil probe corrodes: it drifts, then rattles, then is gone. */ "dying soil";
      }
    | { readonly kind: "wrong clock"; readonly clock: WrongClock }
    | { readonly kind: "deep sleep"; readonly everyMs: number }
    | { readonly kind: "spikes"; /** Of a reading, from 0 to 1. */ readonly chance: number }
  );
export type IncidentKind = Incident["kind"];

export type IncidentOf<Kind extends IncidentKind> = Extract<Incident, { kind: Kind }> | (Incident & { readonly kind: Kind });

/** The incident of a kind that a node is in, if it is in one. */
export function incidentAt<Kind extends IncidentKind>(
  incidents: readonly Incident[],
  kind: Kind,
  atMs: number,
): (Incident & { readonly kind: Kind }) | undefined {
  return incidents.find(
    (incident): incident is Incident & { readonly kind: Kind } => incident.kind === kind && atMs >= incident.fromMs && atMs < incident.toMs,
  );
}
