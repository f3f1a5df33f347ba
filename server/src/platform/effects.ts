import { AsyncLocalStorage } from "node:async_hooks";

/** What a piece of work may have left behind so far. */
export interface Effects {
  /** Something was on its way out: a commit, a request to another program. Whether it arrived is another question. */
  maybe: boolean;
}

const watched = new AsyncLocalStorage<Effects>();

/** Runs work so that `effects` says, at any moment, whether it may have changed anything outside of this process. */
export function watchEffects<Result>(effects: Effects, work: () => Result): Result {
  return watched.run(effects, work);
}

/** Says whether anybody wants to know: what is only looked at for {@link noteEffect} need not be looked at else. */
export function isWatched(): boolean {
  return watched.getStore() !== undefined;
}

/** Said by the doors of the process right before something leaves. Nobody watches: nothing happens. */
export function noteEffect(): void {
  const effects = watched.getStore();
  if (effects !== undefined) effects.maybe = true;
}
