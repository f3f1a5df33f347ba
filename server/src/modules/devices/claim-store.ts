import { sql } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";

/** How long the same request gets the same answer at most: then the answer is wiped. */
export const repeatSeconds = 300;

/** All that a claim is judged by. A device that is not there gives the same row with its parts absent. */
export interface ClaimSituation {
  readonly device:
    | {
        readonly organisationId: string;
        readonly key: number;
        readonly configuration: { readonly version: number; readonly heartbeatSeconds: number; readonly sampleSeconds: number };
      }
    | undefined;
  readonly claimSecretSealed: Buffer | undefined;
  readonly tries: number;
  readonly earlier:
    | {
        readonly hmac: Buffer;
        readonly firmwareVersion: string | undefined;
        readonly answerSealed: Buffer | undefined;
        /** How long ago it was given. */
        readonly ageSeconds: number;
      }
    | undefined;
}

interface SituationRow {
  organisation_id: string | null;
  key: number | null;
  heartbeat_seconds: number | null;
  sample_seconds: number | null;
  version: number | null;
  claim_secret_sealed: Buffer | null;
  tries: number;
  hmac: Buffer | null;
  firmware_version: string | null;
  answer_sealed: Buffer | null;
  age_seconds: number | null;
}

/** Makes claims for one id wait for each other, on every server, whether the device exists or not. */
export async function lockClaims(tx: Transaction, deviceId: string): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(hashtextextended(${`claim:${deviceId}`}, 0))`);
}

/** Reads the situation in one statement that does the same work for every id. */
export async function readSituation(tx: Transaction, deviceId: string, nonce: Buffer): Promise<ClaimSituation> {
  const [row] = await tx.query<SituationRow>(sql`
    select d.organisation_id, d.key, d.heartbeat_seconds, f.sample_seconds, f.version, d.claim_secret_sealed, c.hmac, c.firmware_version,
      abs(extract(epoch from now() - c.created_at))::float8 as age_seconds,
      case when abs(extract(epoch from now() - c.created_at)) <= ${repeatSeconds}
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and k.id is not null
        then c.answer_sealed end as answer_sealed,
      -- Tries stamped ahead of now come from a clock that was set back; they would lock the device out for as long.
      (select count(*)::int from claim_tries t
        where t.device_id = ${deviceId} and t.tried_at > now() - interval '60 s' and t.tried_at < now() + interval '5 s') as tries
    from (select 1) always
      left join devices d on d.id = ${deviceId} and roost_is_open(d.organisation_id)
      left join device_configurations f on f.device_id = d.id
      left join claims c on c.device_id = ${deviceId} and c.nonce = ${nonce}
      left join device_credentials k on k.id = c.credential_id`);
  if (row === undefined) throw new TypeError("The claim's situation has always one row.");
  return {
    device:
      row.organisation_id === null || row.key === null || row.heartbeat_seconds === null
        ? undefined
        : {
            organisationId: row.organisation_id,
            key: row.key,
            configuration: {
              version: row.version ?? 1,
              heartbeatSeconds: row.heartbeat_seconds,
              sampleSeconds: row.sample_seconds ?? row.heartbeat_seconds,
            },
          },
    claimSecretSealed: row.claim_secret_sealed ?? undefined,
    tries: row.tries,
    earlier:
      row.hmac === null
        ? undefined
        : {
            hmac: row.hmac,
            firmwareVersion: row.firmware_version ?? undefined,
            answerSealed: row.answer_sealed ?? undefined,
            ageSeconds: row.age_seconds ?? 0,
          },
  };
}

export async function insertTry(tx: Transaction, deviceId: string): Promise<void> {
  await tx.query(sql`insert into claim_tries (device_id) values (${deviceId})`);
}

export async function insertClaim(
  tx: Transaction,
  claim: {
    deviceId: string;
    nonce: Buffer;
    hmac: Buffer;
    firmwareVersion: string | undefined;
    credentialId: string;
    answerSealed: Buffer;
  },
): Promise<void> {
  await tx.query(sql`
    insert into claims (device_id, nonce, hmac, firmware_version, credential_id, answer_sealed)
    values (${claim.deviceId}, ${claim.nonce}, ${claim.hmac}, ${claim.firmwareVersion ?? null}, ${claim.credentialId}, ${claim.answerSealed})`);
}

/** Wipes answers that nobody may get any more, and tries that no longer count. The nonces stay. */
export async function pruneClaims(db: Queryable): Promise<void> {
  await db.query(sql`
    update claims set answer_sealed = null
    where answer_sealed is not null and abs(extract(epoch from now() - created_at)) > ${repeatSeconds}`);
  await db.query(sql`delete from claim_tries where abs(extract(epoch from now() - tried_at)) > 120`);
}
