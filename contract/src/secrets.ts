import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { listOf } from "./paging.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** Where a secret came from: a file, a variable of the environment, a secret store outside, or Roost itself at the first start. */
export const secretOrigin = z.enum(["file", "environment", "vault", "roost"]);
export type SecretOrigin = z.infer<typeof secretOrigin>;

/** Short: under 16 bytes, worth replacing. Fair: 16 to 31. Long: 32 and more. */
export const lengthClass = z.enum(["short", "fair", "long"]);
export type LengthClass = z.infer<typeof lengthClass>;

/** What can be rotated from within: the keys that seal secrets at rest, and the keys that sign sessions. */
export const rotatable = z.enum(["data-key", "session-key"]);
export type Rotatable = z.infer<typeof rotatable>;

/** One version of a secret. The newest is used; older ones open or verify what they made until nothing of theirs is left. */
export const secretVersion = z.object({
  /** Written beside what it sealed or signed. */
  kid: z.int(),
  /** `next`: known to all servers before one uses it. `retired`: gone, kept as a record. */
  state: z.enum(["next", "current", "old", "retired"]),
  madeAt: instant,
  retiredAt: instant.optional(),
});
export type SecretVersion = z.output<typeof secretVersion>;

/** A secret as it may be told: never its value, nor anything the value could be guessed or compared by. */
export const secretEntry = z.object({
  /** Its variable, or a name of ours such as `data-key`. */
  name: z.string(),
  /** What it is for, in a sentence. */
  about: personal("none", z.string()),
  origin: secretOrigin,
  /** The file's path, the variable's name, or the path in the store. */
  place: personal("none", z.string()).optional(),
  /** Version in use, where it has versions. */
  version: z.string().optional(),
  /** When this value was made, or first seen here. */
  since: instant.optional(),
  lastRotatedAt: instant.optional(),
  lengthClass: lengthClass.optional(),
  /** `rotate`: by the rotate call. `outside`: where it came from; `how` says in words how. */
  rotation: z.enum(["rotate", "outside"]),
  how: personal("none", z.string()),
  /** Newest first; of those that rotate here. */
  versions: z.array(secretVersion).optional(),
});
export type SecretEntry = z.output<typeof secretEntry>;

/** What the place that holds the envelope key says of itself. Only `open` lets sealed secrets be read. */
export const secretStoreState = z.enum(["open", "sealed", "unreachable", "denied", "missing", "wrong_key"]);
export type SecretStoreState = z.infer<typeof secretStoreState>;

export const secretStore = z.object({
  kind: z.enum(["file", "environment", "vault"]),
  place: personal("none", z.string()),
  state: secretStoreState,
  /** In words, with what to do where something is to be done. */
  message: z.string(),
  /** Since when it is in this state. */
  since: instant,
  checkedAt: instant,
  /** Sealed secrets can be read now: the store is open, or it went away so recently that the keys are still held. */
  canOpen: z.boolean(),
  /** Version of the envelope key in use. */
  version: z.string().optional(),
  /** Of the token that reads the store. */
  tokenExpiresAt: instant.optional(),
});
export type SecretStore = z.output<typeof secretStore>;

/** How far the work is that seals everything anew with the current key. */
export const resealing = z.object({
  isDone: z.boolean(),
  /** Values sealed by an older key. */
  remaining: z.int(),
  /** Values in all. */
  total: z.int(),
  columns: z.array(
    z.object({
      table: personal("none", z.string()),
      column: personal("none", z.string()),
      remaining: z.int(),
      total: z.int(),
      unreadable: z.int(),
    }),
  ),
  startedAt: instant.optional(),
  finishedAt: instant.optional(),
});
export type Resealing = z.output<typeof resealing>;

export const secretErrors = defineErrors("secrets", {
  sealed: [503, "The secret store is sealed, so what needs a secret is refused. Unseal the store; the rest goes on."],
  store_unreachable: [503, "The secret store does not answer, so what needs a secret is refused. Look after the store or the way to it."],
  store_denied: [503, "The secret store refuses Roost's token. Give it a token whose policy may read the path."],
  store_missing: [503, "The secret store has no envelope key at the path. Put one there; the guide to secrets has the command."],
  wrong_envelope_key: [
    503,
    "The envelope key does not open the keys in this database. Put back the one that belongs to it; without it sealed secrets cannot be read.",
  ],
  unknown_key: [503, "This was sealed with a key that this server is only just learning. Try again in a few seconds."],
  keys_stale: [503, "This server has not heard of the keys in use for a while, so it seals nothing for now. Try again in a few seconds."],
  not_sealed: [500, "A value that ought to be sealed is not, or was altered or moved."],
  rotation_under_way: [409, "A rotation is under way. Wait until the new key is in use."],
});

export const listSecrets = defineRoute({
  operation: "listSecrets",
  method: "GET",
  path: "/api/v1/platform/secrets",
  access: "platform:secrets",
  summary: "Every secret of the installation: where it came from, its age and version; never its value.",
  reply: z.object({ ...listOf(secretEntry).shape, store: secretStore, resealing }),
});

export const getSecretStore = defineRoute({
  operation: "getSecretStore",
  method: "GET",
  path: "/api/v1/platform/secrets/store",
  access: "platform:secrets",
  summary: "Health of the place that holds the envelope key; looks now.",
  reply: secretStore,
});

export const getResealing = defineRoute({
  operation: "getResealing",
  method: "GET",
  path: "/api/v1/platform/secrets/resealing",
  access: "platform:secrets",
  summary: "How far the sealing anew with the current key is.",
  reply: resealing,
});

export const rotateSecret = defineRoute({
  operation: "rotateSecret",
  method: "POST",
  path: "/api/v1/platform/secrets/rotate",
  access: "platform:secrets",
  summary: "Makes a new key. The old one goes on opening or verifying what it made until nothing of it is left.",
  body: z.strictObject({ name: rotatable }),
  reply: z.object({ name: rotatable, kid: z.int(), currentAt: instant }),
  status: 202,
  errors: [secretErrors.rotation_under_way, secretErrors.sealed, secretErrors.store_unreachable],
});
