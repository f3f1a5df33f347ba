import { isDatabaseAway } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";

/** So many facts are one transaction at most; others who plan wait for its end. */
const mostInPiece = 500;
/** So often is a fact tried that fails by itself, before the others go on without it. */
const mostTries = 3;

export interface FactPieceDeps {
  /** Handles facts of one organisation in their order, all or none; what was handled before counts once. */
  readonly take: (organisationId: string, facts: readonly Fact[]) => Promise<void>;
  /** What has a transaction of its own. */
  readonly isApart: (fact: Fact) => boolean;
  readonly log: Log;
}

/**
 * Hands facts on in pieces, each of one organisation. Of a piece that fails each fact is tried by itself, so that one that cannot be handled takes no
 * other with it. It fails when something is to come again: the database is away, or a fact has tries left.
 */
export function createFactPieces({ take, isApart, log }: FactPieceDeps): (facts: readonly Fact[]) => Promise<void> {
  const tries = new Map<string, number>();
  // Of facts that are to come again: what is done of them. One that changed nothing then might, after those behind it.
  const done = new Set<string>();
  // What a busy database does not manage in time it manages in smaller pieces.
  let size = mostInPiece;

  async function attempt(organisationId: string, piece: readonly Fact[]): Promise<Error | undefined> {
    try {
      await take(organisationId, piece);
      size = Math.min(mostInPiece, size * 2);
      for (const { id } of piece) done.add(id);
      return undefined;
    } catch (error) {
      if (!isDatabaseAway(error)) return error instanceof Error ? error : new Error("A piece of facts failed.", { cause: error });
      size = Math.max(1, Math.floor(size / 2));
      throw error;
    }
  }

  /** @returns The error to fail with once the others are through. */
  async function takeAlone(fact: Fact): Promise<Error | undefined> {
    const before = tries.get(fact.id) ?? 0;
    if (before >= mostTries) return undefined;
    const error = await attempt(fact.organisationId, [fact]);
    if (error === undefined) return undefined;
    tries.set(fact.id, before + 1);
    if (before + 1 < mostTries) return error;
    log.error({ err: error, factId: fact.id, type: fact.type, nounId: fact.nounId }, "a fact could not be planned; nobody is told of it");
    return undefined;
  }

  /** The longest piece that begins here. */
  function pieceAt(facts: readonly Fact[], from: number): readonly Fact[] {
    const standsAlone = (fact: Fact) => tries.has(fact.id) || isApart(fact);
    let to = from + 1;
    const [first] = facts.slice(from, to);
    if (first === undefined || standsAlone(first)) return facts.slice(from, to);
    for (let next = facts[to]; next !== undefined && to - from < size && !standsAlone(next); next = facts[to]) to += 1;
    return facts.slice(from, to);
  }

  async function takeAll(organisationId: string, facts: readonly Fact[]): Promise<Error[]> {
    const errors: (Error | undefined)[] = [];
    for (let at = 0; at < facts.length;) {
      const piece = pieceAt(facts, at);
      at += piece.length;
      const isWhole = piece.length > 1 && (await attempt(organisationId, piece)) === undefined;
      if (!isWhole) for (const fact of piece) errors.push(await takeAlone(fact));
    }
    return errors.flatMap((error) => error ?? []);
  }

  return async (facts) => {
    const errors: Error[] = [];
    const rest = facts.filter(({ id }) => !done.has(id));
    for (const [organisationId, own] of Map.groupBy(rest, (fact) => fact.organisationId))
      errors.push(...(await takeAll(organisationId, own)));
    const [first] = errors;
    if (first !== undefined) throw first;
    for (const { id } of facts) {
      tries.delete(id);
      done.delete(id);
    }
  };
}
