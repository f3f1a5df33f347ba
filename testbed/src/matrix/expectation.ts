import type { Place } from "./callers.ts";
import type { Caller, Ids, World } from "./stage.ts";

/** What an answer has to be: status and, for refusals, code. */
export type Refusal = readonly [status: number, code: string];

/**
 * What the matrix has to know of an operation beside what the reference says.
 *
 * Who may comes from the reference and the caller's permissions; whose things they may touch from `object`. Rows tell the rest.
 */
export interface Expectation {
  /**
   * What the request names: something of a device or place (which scopes bound), something of the organisation, something of the caller
   * alone, or nothing that others could have.
   */
  readonly object: "device" | "organisation" | "self" | "none";
  /** What is not there, not theirs, or out of their scope answers so; one and the same for all three. */
  readonly absent?: Refusal;
  readonly query?: (ids: Ids) => Readonly<Record<string, string>>;
  /** Sent as JSON; a buffer as it is. */
  readonly body?: (ids: Ids, world: World, caller: Caller) => unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Things of its own for each success, where the operation uses them up or the answer depends on what was done before. */
  readonly fresh?: (world: World, place: Place, caller: Caller, headers: Record<string, string>) => Promise<Ids>;
  /** Somebody just like the caller asks in their place, and is used up by it. */
  readonly standIn?: true;
  /** One caller after another: they share something that is counted, such as the tries of one account. */
  readonly inTurn?: true;
  /** A session of its own for each success: the operation ends it. */
  readonly spendsSession?: true;
  /** Texts of a visible thing that a list or export has to hold. */
  readonly shows?: (ids: Ids, caller: Caller) => readonly string[];
  /** Texts that it may not hold for this caller, though they are their organisation's. */
  readonly hides?: (ids: Ids, caller: Caller) => readonly string[];
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

type Exception = NonNullable<Expectation["except"]>[number];

/** A token is refused with a code of its own, once it holds the permission. */
export const noToken = (answer: Refusal): Exception => ({
  when: ({ kind }) => kind === "token",
  answer,
  why: "what lets people in or out, or is a person's own, is not a program's",
});

/** Acts in a part of their organisation only. */
export const isPartial = ({ organisation, sees, kind }: Caller): boolean => kind === "person" && organisation === "a" && sees.length === 1;

/** Who acts in a part of the organisation is refused what is about the whole of it. */
export const wholeOnly = (answer: Refusal, isOwnOnly = false): Exception => ({
  when: (caller, place) => isPartial(caller) && (!isOwnOnly || place === "aNorth" || place === "aSouth"),
  answer,
  why: "they act in a part of the organisation only",
});

/** What is bound to a browser is refused to a program, be it a person's own. */
export const browserOnly: Pick<Expectation, "except"> = {
  except: [
    {
      when: ({ kind, headers }) => kind === "token" || headers["authorization"] !== undefined,
      answer: [403, "http.forbidden"],
      why: "it belongs to a browser",
    },
  ],
};

/** Said by the route itself, before anything is looked up. */
export const wholeOrganisation = wholeOnly([403, "http.forbidden"]);

export const personNeeded = noToken([403, "people.person_needed"]);

/** Tokens do not make or end credentials: what they made would outlive them. */
export const peopleOnly: Pick<Expectation, "except"> = {
  except: [{ when: ({ kind }) => kind === "token", answer: [403, "http.forbidden"], why: "a token belongs to a program" }],
};
