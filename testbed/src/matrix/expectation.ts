import type { Place } from "./callers.ts";
import type { Caller, Ids, World } from "./world.ts";

/** What an answer has to be: status and, for refusals, code. */
export type Refusal = readonly [status: number, code: string];

/**
 * What the matrix has to know of an operation beside what the reference says.
 *
 * Who may comes from the reference and the caller's permissions; whose things they may touch from `object`. Rows tell the rest.
 */
export interface Expectation {
  /**
   * What the request names: something of a device (which scopes bound), something of the organisation, or nothing that others could have.
   */
  readonly object: "device" | "organisation" | "none";
  /** What is not there, not theirs, or out of their scope answers so; one and the same for all three. */
  readonly absent?: Refusal;
  readonly query?: (ids: Ids) => Readonly<Record<string, string>>;
  readonly body?: (ids: Ids, world: World, caller: Caller) => unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Things of its own for each success, where the operation uses them up or the answer depends on what was done before. */
  readonly fresh?: (world: World, place: Place, caller: Caller) => Promise<Ids>;
  /** One caller after another: they share something that is counted, such as the tries of one account. */
  readonly inTurn?: true;
  /** A session of its own for each success: the operation ends it. */
  readonly spendsSession?: true;
  /** Texts of a visible thing that a list or export has to hold. */
  readonly shows?: (ids: Ids) => readonly string[];
  /** Queries that name a thing. Those of others answer as if it did not exist. */
  readonly filters?: readonly ((ids: Ids) => Readonly<Record<string, string>>)[];
  /** Answers so even to those who may; the request cannot succeed in a matrix (a second set-up). */
  readonly always?: Refusal;
  /** Callers who get something else than their permissions say, and why. */
  readonly except?: readonly { readonly when: (caller: Caller, place: Place) => boolean; readonly answer: Refusal; readonly why: string }[];
  /** Any key is allowed in the body: it is data. */
  readonly freeForm?: true;
  /** Undoes a success, so that bounds are not reached. */
  readonly undo?: (world: World, place: Place, answer: string) => Promise<void>;
  /** Texts of others that the answer holds by design, by caller: the names of organisations for the platform's administrator. */
  readonly mayShow?: (caller: Caller, world: World) => readonly string[];
}

export type Expectations = Readonly<Record<string, Expectation>>;

/** Tokens do not make or end credentials: what they made would outlive them. */
export const peopleOnly: Pick<Expectation, "except"> = {
  except: [{ when: ({ kind }) => kind === "token", answer: [403, "http.forbidden"], why: "a token belongs to a program" }],
};
