import type { FlagType, FlagValue } from "@roost/contract/flags";

/** A flag that comes with Roost. */
export interface ShippedFlag {
  readonly key: string;
  readonly type: FlagType;
  /** As Roost behaves by itself; what everybody gets until somebody says otherwise. */
  readonly value: FlagValue;
  /** What the kill switch gives. */
  readonly offValue: FlagValue;
  readonly min?: number;
  readonly max?: number;
  readonly about: string;
  readonly effect: { readonly active: boolean; readonly about: string };
}

/**
 * The flags of this version. Their rows are made at the start where they are not there.
 *
 * None of them can weaken the protection against replayed claims: the nonces stay in the main database whatever a flag says.
 */
export const shippedFlags: readonly ShippedFlag[] = [
  {
    key: "enable_idempotency",
    type: "boolean",
    value: true,
    offValue: false,
    about: "The same claim sent again gets the same answer.",
    effect: {
      active: true,
      about:
        "On: a device that repeats its claim, because the answer got lost, gets that answer again. Off: every second use of a nonce is refused with 409.",
    },
  },
  {
    key: "claim.repeat_seconds",
    type: "number",
    value: 300,
    offValue: 0,
    min: 0,
    max: 300,
    about: "How long the same claim gets the same answer, in seconds.",
    effect: {
      active: true,
      about: "Within this time a repeated claim is answered as the first one was; after it, with 409. It can only be shortened.",
    },
  },
  {
    key: "disable_idempotency_on_redis_failure",
    type: "boolean",
    value: true,
    offValue: false,
    about: "Claims go on when the store of nonces fails.",
    effect: {
      active: false,
      about:
        "Nothing to switch: Roost keeps nonces in its main database, not in Redis. A claim that cannot be stored is refused, and none goes unprotected.",
    },
  },
  {
    key: "enable_auto_register",
    type: "boolean",
    value: false,
    offValue: false,
    about: "Devices that nobody added may register themselves.",
    effect: { active: false, about: "No effect yet in this version: an unknown device is always refused. It will be read by the toy kit." },
  },
  {
    key: "fail_open_on_redis_error",
    type: "boolean",
    value: false,
    offValue: false,
    about: "Accept claims without the store of nonces.",
    effect: { active: false, about: "Accepted for its name and never obeyed: Roost accepts no claim that it cannot protect." },
  },
  {
    key: "normalize_ids_in_hmac",
    type: "boolean",
    value: false,
    offValue: false,
    about: "Ids inside of a claim's proof are in small letters.",
    effect: {
      active: false,
      about:
        "No effect yet in this version: the claim of Roost always uses small letters. It will be read by the toy kit, for its older firmware.",
    },
  },
];
