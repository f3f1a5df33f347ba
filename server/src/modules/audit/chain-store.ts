import { sql, trusted } from "@roost/contract/sql";

import type { Queryable, Transaction } from "../../platform/db.ts";
import type { StoredEntry } from "./entry.ts";
import type { LinkParts } from "./mac.ts";

/** A link as it is stored. */
export interface Link extends LinkParts {
  readonly mac: Buffer;
}

/** An entry with the hash it was written with. */
export interface SealedEntry extends StoredEntry {
  readonly mac: Buffer;
  /** Set where names were taken out of it since; see `erasing.ts`. */
  readonly erasedMac?: Buffer | null | undefined;
}

/** Where the chain ends, and up to where entries were taken up. */
export interface ChainHead {
  readonly position: number;
  readonly mac: Buffer;
  readonly xactId: string;
  readonly entryId: string;
}

/** A statement about the chain, before it is signed. */
export interface CheckpointParts {
  /** `cut`: what lies before was taken away because its time was over; the chain begins after it. */
  readonly kind: "head" | "cut";
  readonly position: number;
  readonly mac: Buffer;
  readonly at: Date;
}

export interface Checkpoint extends CheckpointParts {
  readonly signature: Buffer;
}

/** The columns of an entry `e` in the form in which it was MACed: JSON to the letter, time in microseconds. */
export const entryColumns = trusted(`
  e.id, e.organisation_id as "organisationId", (extract(epoch from e.at) * 1000000)::bigint::text as "atUs",
  e.actor_kind as "actorKind", e.actor_id as "actorId", e.actor_name as "actorName", e.action,
  e.object_kind as "objectKind", e.object_id as "objectId", e.object_name as "objectName",
  e.before::text as "before", e.after::text as "after", e.outcome,
  e.remote_address as "remoteAddress", e.user_agent as "userAgent", e.correlation_id as "correlationId", e.mac, e.erased_mac as "erasedMac"`);

/** Locks the chain for this transaction; `undefined` while another server is at it. */
export async function lockHead(tx: Transaction): Promise<ChainHead | undefined> {
  const [row] = await tx.query<ChainHead>(sql`
    select c.position, c.mac, c.xact_id::text as "xactId", c.entry_id as "entryId" from audit_chain c where c.id = 1 for update skip locked`);
  return row;
}

export async function selectHead(db: Queryable): Promise<ChainHead> {
  const [row] = await db.query<ChainHead>(
    sql`select c.position, c.mac, c.xact_id::text as "xactId", c.entry_id as "entryId" from audit_chain c where c.id = 1`,
  );
  if (row === undefined) throw headless();
  return row;
}

function headless(): Error {
  return new Error("The audit chain has no head: its row was taken away.");
}

/** Entries that wait for their link, in the order in which they are taken up. */
export async function selectWaiting(
  db: Queryable,
  { after, below, limit }: { after: Pick<ChainHead, "xactId" | "entryId">; below: string; limit: number },
): Promise<(SealedEntry & { xactId: string; isLinked: boolean })[]> {
  return db.query(sql`
    select ${entryColumns}, e.xact_id::text as "xactId", exists (select from audit_links l where l.entry_id = e.id) as "isLinked"
    from audit_entries e
    where (e.xact_id, e.id) > (${after.xactId}::xid8, ${after.entryId}::uuid) and e.xact_id < ${below}::xid8
    order by e.xact_id, e.id limit ${limit}`);
}

/** Whether anything is to be done at all: asked often, so it locks nothing. */
export async function selectIdle(
  db: Queryable,
  below: string,
): Promise<{ position: number; isWaiting: boolean; lastCheckpoint: Checkpoint | undefined }> {
  const [row] = await db.query<{ position: number; isWaiting: boolean }>(sql`
    select c.position, exists (
      select from audit_entries e where (e.xact_id, e.id) > (c.xact_id, c.entry_id) and e.xact_id < ${below}::xid8) as "isWaiting"
    from audit_chain c where c.id = 1`);
  if (row === undefined) throw headless();
  return { ...row, lastCheckpoint: await selectLastCheckpoint(db) };
}

/** The number that the next transaction will have: all that are committed now have lower ones. */
export async function selectNextXactId(db: Queryable): Promise<string> {
  const [row] = await db.query<{ next: string }>(sql`select pg_snapshot_xmax(pg_current_snapshot())::text as next`);
  return row?.next ?? "0";
}

export async function insertLinks(tx: Transaction, links: readonly Link[]): Promise<void> {
  if (links.length === 0) return;
  await tx.query(sql`
    insert into audit_links (position, entry_id, organisation_id, at, entry_mac, previous, mac)
    select n.position, n.entry_id, n.organisation_id, timestamptz 'epoch' + n.at_us * interval '1 microsecond', n.entry_mac, n.previous, n.mac
    from unnest(${links.map((link) => link.position)}::bigint[], ${links.map((link) => link.entryId)}::uuid[],
      ${links.map((link) => link.organisationId)}::uuid[], ${links.map((link) => link.atUs)}::bigint[],
      ${links.map((link) => link.entryMac)}::bytea[], ${links.map((link) => link.previous)}::bytea[],
      ${links.map((link) => link.mac)}::bytea[]) as n (position, entry_id, organisation_id, at_us, entry_mac, previous, mac)`);
}

export async function moveHead(tx: Transaction, head: ChainHead): Promise<void> {
  await tx.query(sql`
    update audit_chain set position = ${head.position}, mac = ${head.mac}, xact_id = ${head.xactId}::xid8, entry_id = ${head.entryId} where id = 1`);
}

/** Says whether the chain was taken up to a point of another cluster's count of transactions: a dump was restored. */
export async function isFromElsewhere(db: Queryable): Promise<boolean> {
  const [row] = await db.query<{ elsewhere: boolean }>(
    sql`select c.xact_id >= pg_snapshot_xmax(pg_current_snapshot()) as elsewhere from audit_chain c where c.id = 1`,
  );
  return row?.elsewhere === true;
}

/** Brings what waited in a restored dump into this cluster's count of transactions, and the chain's place with it. */
export async function adopt(tx: Transaction, below: string): Promise<void> {
  await tx.query(sql`
    update audit_entries e set xact_id = pg_current_xact_id() where not exists (select from audit_links l where l.entry_id = e.id)`);
  await tx.query(sql`update audit_chain set xact_id = ${below}::xid8, entry_id = '00000000-0000-0000-0000-000000000000' where id = 1`);
}

const checkpointColumns = trusted(`c.kind, c.position, c.mac, c.at, c.signature`);

export async function selectLastCheckpoint(db: Queryable): Promise<Checkpoint | undefined> {
  const [row] = await db.query<Checkpoint>(
    sql`select ${checkpointColumns} from audit_checkpoints c order by c.position desc, c.kind limit 1`,
  );
  return row;
}

/** Checkpoints, oldest first, a page at a time. */
export async function selectCheckpoints(
  db: Queryable,
  after: Pick<Checkpoint, "position" | "kind"> | undefined,
  limit: number,
): Promise<Checkpoint[]> {
  return db.query(sql`
    select ${checkpointColumns} from audit_checkpoints c
    where (c.position, c.kind) > (${after?.position ?? -1}, ${after?.kind ?? ""}) order by c.position, c.kind limit ${limit}`);
}

/** Checkpoints, newest first. */
export async function selectCheckpointsDown(db: Queryable, before: number | undefined, limit: number): Promise<Checkpoint[]> {
  const beyond = before === undefined ? sql`true` : sql`c.position < ${before}`;
  return db.query(
    sql`select ${checkpointColumns} from audit_checkpoints c where ${beyond} order by c.position desc, c.kind limit ${limit}`,
  );
}

export async function insertCheckpoint(tx: Queryable, checkpoint: Checkpoint): Promise<void> {
  await tx.query(sql`
    insert into audit_checkpoints (kind, position, mac, at, signature)
    values (${checkpoint.kind}, ${checkpoint.position}, ${checkpoint.mac}, ${checkpoint.at}, ${checkpoint.signature})
    on conflict (position, kind) do nothing`);
}
