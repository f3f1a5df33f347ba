import type { KitServerFace } from "@roost/contract/kit-host";

import { sessionKeyPurpose } from "./modules/auth/session-keys.ts";
import { providerPurpose } from "./modules/auth/sign-in-providers.ts";
import { answerPurpose, claimSecretPurpose } from "./modules/devices/claims.ts";
import { brokerPurpose } from "./modules/home-assistant/home-assistant.ts";
import { kitPurpose } from "./modules/kits/kits.ts";
import { switchPurpose } from "./modules/notifications/dead-man.ts";
import { pushKeyPurpose } from "./modules/notifications/push.ts";
import { sealPurpose } from "./modules/notifications/sender.ts";
import type { SealedColumn } from "./modules/secrets/secrets.ts";
import { sightingPurpose } from "./modules/secrets/secrets.ts";
import { idempotencyPurpose } from "./platform/http/idempotency.ts";

/**
 * Every column that keeps sealed secrets, with what each value is bound to. The rotation of the data key walks them all; a test compares the
 * list with the schema, so that none is forgotten.
 */
export const sealedColumns: readonly SealedColumn[] = [
  { table: "auth_keys", column: "sealed", key: [], purpose: () => "auth session signing key" },
  { table: "audit_keys", column: "sealed", key: [], purpose: () => "audit key" },
  { table: "sign_in_providers", column: "sealed_secret", key: ["id"], purpose: ({ id }) => providerPurpose(String(id)) },
  { table: "session_keys", column: "sealed", key: ["kid"], purpose: ({ kid }) => sessionKeyPurpose(Number(kid)) },
  { table: "devices", column: "claim_secret_sealed", key: ["id"], purpose: ({ id }) => claimSecretPurpose(String(id)) },
  {
    table: "claims",
    column: "answer_sealed",
    key: ["device_id", "nonce"],
    purpose: ({ device_id: deviceId, nonce }) => answerPurpose(String(deviceId), nonce as Buffer),
  },
  { table: "notification_targets", column: "settings_sealed", key: ["id"], purpose: ({ id }) => sealPurpose(String(id), "settings") },
  { table: "notification_targets", column: "secret_sealed", key: ["id"], purpose: ({ id }) => sealPurpose(String(id), "secret") },
  { table: "push_keys", column: "private_sealed", key: [], purpose: () => pushKeyPurpose },
  {
    table: "dead_man_switches",
    column: "url_sealed",
    key: ["organisation_id"],
    purpose: ({ organisation_id: id }) => switchPurpose(String(id)),
  },
  {
    table: "home_assistant_bridges",
    column: "password_sealed",
    key: ["organisation_id"],
    purpose: ({ organisation_id: id }) => brokerPurpose(String(id)),
  },
  {
    table: "idempotency_keys",
    column: "answer_sealed",
    key: ["organisation_id", "caller_kind", "caller_id", "key_digest"],
    purpose: ({ organisation_id: organisationId, caller_kind: kind, caller_id: callerId, key_digest: keyDigest }) =>
      idempotencyPurpose({
        organisationId: String(organisationId),
        callerKind: kind as "person" | "token",
        callerId: String(callerId),
        keyDigest: keyDigest as Buffer,
      }),
  },
  { table: "secret_sightings", column: "digest_sealed", key: ["name"], purpose: ({ name }) => sightingPurpose(String(name)) },
];

/** Those of the kits, each bound as their host bound it. */
export function kitSealedColumns(faces: readonly KitServerFace[]): SealedColumn[] {
  return faces.flatMap(({ kit, sealedColumns: own = [] }) =>
    own.map((column) => ({ ...column, purpose: (row: Readonly<Record<string, unknown>>) => kitPurpose(kit.id, column.purpose(row)) })),
  );
}
