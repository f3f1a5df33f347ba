import type { z } from "zod";

import type { Alarm, Severity } from "./alarms.ts";
import type { ClaimTicket, Device, LatestValue } from "./devices.ts";
import type { KitManifest } from "./kit.ts";
import type { Permission } from "./permissions.ts";
import type { Route, RouteInput, RouteReply } from "./route.ts";
import type { RuleFields } from "./rules.ts";
import type { Sql } from "./sql.ts";
import type { Points, Series } from "./telemetry.ts";
import type { Actor, Whose, Within } from "./tenancy.ts";

/** Something that runs statements. */
export interface KitQueryable {
  /** Runs one statement and answers its rows. Tables are named in full: `kit_garden.plants`. */
  query<Row extends object>(statement: Sql): Promise<Row[]>;
}

/** An open transaction. */
export interface KitTransaction extends KitQueryable {
  readonly inTransaction: true;
}

/** Statements and transactions, on the same rows. */
export interface KitRows extends KitQueryable {
  /** Runs `work` in a transaction: committed when it returns, rolled back when it throws. */
  transaction<Result>(work: (tx: KitTransaction) => Promise<Result>): Promise<Result>;
}

/** The kit's own schema, `kit_<id>`. Used as it is it works on everybody's rows: for jobs and handlers of facts. */
export interface KitDatabase extends KitRows {
  /** For work on behalf of a caller: row-level security shows the rows of their organisation, and of devices those in scope. */
  within(within: Within): KitRows;
}

/** Lines for operators: fields first, a constant sentence second; never a secret, never a payload. */
export interface KitLog {
  error(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
  info(fields: object, sentence: string): void;
  debug(fields: object, sentence: string): void;
}

/** A device as it stands in memory. */
export interface KitDevice {
  readonly id: string;
  readonly organisationId: string;
  readonly kind: string;
  readonly siteId: string | undefined;
  readonly groupIds: ReadonlySet<string>;
  readonly heartbeatSeconds: number;
  readonly revoked: boolean;
}

export interface KitDevices {
  /** From memory, of whatever organisation; `undefined` for the platform's own. */
  find(deviceId: string): KitDevice | undefined;
  /** From memory; `undefined` for what the caller may not see. */
  findSeen(within: Within, deviceId: string): KitDevice | undefined;
  /** @throws {AppError} `devices.not_found` */
  get(within: Within, deviceId: string): Promise<Device>;
  /** Every device of the kit's own kinds that the caller may see, by name. */
  listOwn(within: Within): Promise<Device[]>;
  /** @throws {AppError} those of `addDevice` */
  add(
    whose: Whose,
    wanted: { id?: string; name?: string; kind: string; heartbeatSeconds: number; siteId?: string },
    hostHeader?: string,
  ): Promise<{ device: Device; ticket: ClaimTicket }>;
  /** @throws {AppError} those of `changeDevice` */
  change(whose: Whose, deviceId: string, change: { name?: string; heartbeatSeconds?: number; siteId?: string | null }): Promise<Device>;
  /** With its credentials and data, at once. @throws {AppError} `devices.not_found` */
  remove(whose: Whose, deviceId: string): Promise<void>;
  /** A new password; old ones go on for the overlap. @throws {AppError} `devices.not_found` */
  rotateCredentials(whose: Whose, deviceId: string, overlapSeconds: number): Promise<{ username: string; password: string }>;
  /**
   * What a device is there for, such as the names of its plants: shown beside its name, and in what people are told about it. At most 200
   * characters; `undefined` takes it away.
   */
  setPurpose(organisationId: string, deviceId: string, purpose: string | undefined): Promise<void>;
}

export interface KitTelemetry {
  /** All metrics of a device by name, with their newest values; empty for a device that never sent any. */
  series(deviceId: string): Promise<Series[]>;
  /** The newest values of many devices at once, by device, then by the metric's name; who never sent any is not in it. */
  latest(deviceIds: readonly string[]): Promise<ReadonlyMap<string, readonly LatestValue[]>>;
  /**
   * Points of a metric, oldest first; `undefined` where the device never sent such a metric.
   *
   * @throws {AppError} `telemetry.range_reversed`, `telemetry.range_too_fine`
   */
  query(question: {
    readonly deviceId: string;
    readonly metric: string;
    /** Inclusive. */
    readonly from: Date;
    /** Exclusive. */
    readonly to: Date;
    /** 0 = raw; absent = chosen to fit. */
    readonly resolutionSeconds?: number;
    readonly maxPoints: number;
    /** IANA; UTC unless given. */
    readonly timeZone?: string;
  }): Promise<Points | undefined>;
}

export interface KitAlarms {
  /** How many alarms are open about each of many devices; who has none is not in it. */
  openCounts(deviceIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Alarms about devices, the newest first; open ones unless asked otherwise. */
  list(within: Within, question: { deviceIds: readonly string[]; state?: "open" | "cleared" | "all"; limit: number }): Promise<Alarm[]>;
  /**
   * Says that something is wrong: one open alarm for (device or kit, type), however often it is said.
   *
   * @param signal - `type` is the kit's own word; the host puts the kit's name before it.
   */
  raise(
    tx: KitTransaction,
    signal: {
      readonly organisationId: string;
      readonly type: string;
      readonly deviceId?: string;
      readonly severity: Severity;
      readonly title: string;
      readonly text?: string;
    },
  ): Promise<void>;
  /** Says that it is not any more. */
  clear(
    tx: KitTransaction,
    signal: { readonly organisationId: string; readonly type: string; readonly deviceId?: string; readonly detail: string },
  ): Promise<void>;
}

export interface KitRules {
  /**
   * Keeps rules of the platform as the kit wants them: judged with every value, traced, drawn in charts. Rules are told apart by their key; those of
   * the kit whose key begins with `prefix` and that are not in `wanted` are removed and their alarms cleared. The same again changes nothing.
   *
   * People see them among all rules, with the kit's name; they change them where the kit lets them.
   */
  keep(whose: Whose, prefix: string, wanted: ReadonlyMap<string, RuleFields>): Promise<void>;
}

export interface KitCommands {
  /**
   * Queues a command for a device; it takes effect at most once.
   *
   * @returns Its id.
   * @throws {AppError} those of `sendCommand`
   */
  send(whose: Whose, deviceId: string, command: { name: string; params: Record<string, unknown>; key?: string }): Promise<string>;
}

export interface KitNotifications {
  /** Tells those who are told about alarms of this severity something that needs no clearing; it is on record as an alarm that ended at once. */
  tell(
    tx: KitTransaction,
    message: { organisationId: string; deviceId?: string; severity: Severity; type: string; title: string; text?: string },
  ): Promise<void>;
}

/** A file that is kept: a photo, a clip. */
export interface KitBlob {
  readonly id: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface KitBlobs {
  /** Keeps bytes durably; they are there when this returns. */
  put(organisationId: string, mediaType: string, bytes: Uint8Array): Promise<KitBlob>;
  /** `undefined` for what is not there, or another organisation's. */
  read(organisationId: string, blobId: string): Promise<{ readonly blob: KitBlob; readonly bytes: Uint8Array } | undefined>;
  remove(organisationId: string, blobId: string): Promise<void>;
}

export interface KitSettings<Settings> {
  /** What an organisation has set, defaults filled in. */
  of(organisationId: string): Promise<Settings>;
  /** Organisations that have the kit switched on. */
  organisations(): Promise<string[]>;
}

/** The one door to the outside. */
export interface KitEgress {
  /**
   * Sends a request and answers its status, whatever that is.
   *
   * @throws {AppError} `egress.bad_url`, `egress.refused_address`, `egress.too_many_redirects`, `egress.too_slow`, `egress.bad_certificate`,
   * `egress.unreachable`
   */
  request(request: {
    readonly url: string;
    readonly method?: "GET" | "POST";
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array;
    readonly signal?: AbortSignal;
    /** 5 s unless given. */
    readonly timeoutMs?: number;
  }): Promise<{ readonly status: number; readonly retryAfterMs?: number; readonly text: string }>;
}

/** How devices reach this installation. */
export interface KitReach {
  readonly publicUrl: string | undefined;
  /** By that name or address; the one a request came by where it is one of ours. */
  host(hostHeader: string | undefined): string;
  readonly httpsUrl: string | undefined;
  readonly mqttPort: number;
  readonly caPem: string;
}

/** How the installation is, judged by what went through it. */
export interface KitInstallation {
  readonly version: string;
  /** Readings are welcome. */
  readonly ready: boolean;
  /** `database`, `mqtt` (devices are let in), `canary` (a reading went all the way by MQTT within the last minute) and whatever else is looked at. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
}

/** Everything a kit may do. What is not here it may not. */
export interface KitHost<Settings = Record<string, never>> {
  readonly clock: { nowMs(): number };
  readonly log: KitLog;
  readonly db: KitDatabase;
  readonly devices: KitDevices;
  readonly telemetry: KitTelemetry;
  readonly alarms: KitAlarms;
  readonly rules: KitRules;
  readonly commands: KitCommands;
  readonly notifications: KitNotifications;
  readonly blobs: KitBlobs;
  readonly settings: KitSettings<Settings>;
  readonly egress: KitEgress;
  /** Seals secrets at rest; the purpose is bound, so that one row's cannot be moved into another's place. */
  readonly seal: { seal(plain: Uint8Array, purpose: string): Uint8Array; open(sealed: Uint8Array, purpose: string): Uint8Array };
  readonly audit: {
    /** In the transaction that makes the change. `action` is `noun.past`; the host puts the kit's name before it. */
    record(
      tx: KitTransaction,
      whose: Whose,
      entry: {
        readonly action: string;
        readonly object: { readonly kind: string; readonly id: string; readonly name?: string };
        readonly before?: object;
        readonly after?: object;
      },
    ): Promise<void>;
  };
  /** Writes a fact in the transaction that makes it true. `type` is `<kit>.<past>`, such as `garden.plant_changed`. */
  emit(tx: KitTransaction, fact: KitFact): Promise<void>;
  /** A UUID v7. */
  newId(): string;
  readonly reach: KitReach;
  /** Looks at this moment. */
  installation(): Promise<KitInstallation>;
  /** Whether another node of this installation may do the same work at the same time is for the kit's own locks to settle. */
  readonly instanceId: string;
}

export interface KitFact {
  readonly organisationId: string;
  readonly type: string;
  readonly nounId: string;
  /** `deviceId` in it says whom the fact may be told to. */
  readonly data?: Record<string, unknown>;
}

/** Handles facts of the platform or the kit itself, in order. One may come twice: handle it so that twice is once. */
export interface KitFactHandler {
  /** The host puts the kit's name before it; stays for ever. */
  readonly name: string;
  readonly types: readonly string[];
  handle(fact: KitFact & { readonly id: string; readonly at: Date; readonly data: Readonly<Record<string, unknown>> }): Promise<void>;
}

/** Work by the clock, for all organisations that have the kit switched on. It may be cut off anywhere and run again. */
export interface KitJob {
  /** A verb; the host puts the kit's name before it. */
  readonly name: string;
  readonly everySeconds: number;
  run(run: { readonly signal: AbortSignal }): Promise<void>;
}

/** A person or an API token, already authorised for the route at hand. */
export interface KitCaller extends Within {
  readonly kind: "person" | "token";
  readonly id: string;
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly by: Actor;
  readonly signal: AbortSignal;
}

export interface KitRequest {
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as it came, of routes with `rawBody`. */
  readonly rawBody: Uint8Array;
  readonly signal: AbortSignal;
  setHeader(name: string, value: string): void;
  setStatus(status: number): void;
}

export interface KitStream {
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

export type KitAnswer<R extends Route> = [Extract<R["streams"], string>] extends [never]
  ? RouteReply<R> extends undefined
    ? void
    : RouteReply<R>
  : KitStream;

/** Ties a route of the kit to its handler; the parts were checked and the caller authorised before it runs. Kits have no public routes. */
export type KitMount = <R extends Route>(
  route: R,
  handler: (input: RouteInput<R> & { readonly caller: KitCaller; readonly request: KitRequest }) => Promise<KitAnswer<R>>,
) => void;

/** What one of the manifest's checks found. `unknown` where there is nothing to judge by. */
export interface KitCheckResult {
  readonly state: "ok" | "failed" | "unknown";
  /** What it was judged by, in a sentence with its figures. */
  readonly evidence: string;
}

/** What a kit does inside the server, once it is built. */
export interface KitServer {
  /** Called once; every route of the kit has to be mounted. */
  mount(mount: KitMount): void;
  readonly handlers?: readonly KitFactHandler[];
  readonly jobs?: readonly KitJob[];
  /** By the names of the manifest's checks; for one organisation. */
  readonly checks?: Readonly<Record<string, (organisationId: string) => Promise<KitCheckResult>>>;
  /** After everything of the platform has started. */
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

/** A column of the kit that keeps sealed secrets: rotation of the data key walks it. */
export interface KitSealedColumn {
  readonly table: string;
  readonly column: string;
  readonly key: readonly string[];
  purpose(row: Readonly<Record<string, unknown>>): string;
}

/**
 * What a table of the kit holds of people and devices: exports hand it out, erasures take it out. Every table of the kit stands in the list; of one
 * that holds nothing of anybody, `about` says why.
 */
export interface KitTableShare {
  /** In full, `kit_garden.plants`. It has a column `organisation_id`. */
  readonly table: string;
  /** In the manifest of an export: what this is and why it is kept. */
  readonly about: string;
  /** Columns with the name of who did something. The row is in their export; when they are erased it stays, and a pseudonym stands there. */
  readonly people?: readonly string[];
  /** Columns of text or JSON in which people may be named: where somebody was erased, a pseudonym stands instead. */
  readonly words?: readonly string[];
  /** The column with the id of the device that the row is about; of a `jsonb` column, any `deviceId` in it. */
  readonly device?: {
    readonly column: string;
    readonly isJson?: true;
    /** When the device is erased: `delete`, the rows are too; `with`, they go by their foreign key to it. */
    readonly erase: "delete" | "with";
  };
  /** Columns that are in no export: secrets. */
  readonly withheld?: readonly string[];
}

/** The server face of a kit. */
export interface KitServerFace {
  readonly kit: KitManifest;
  readonly routes: readonly Route[];
  /** Folder of numbered SQL files for schema `kit_<id>`; absent: it keeps no tables. */
  readonly migrations?: URL;
  readonly sealedColumns?: readonly KitSealedColumn[];
  readonly personal?: readonly KitTableShare[];
  create(host: KitHost): KitServer | Promise<KitServer>;
}

/** Declares a kit's server face, its settings typed by the manifest. */
export function defineKitServer<Manifest extends KitManifest>(
  kit: Manifest,
  face: Omit<KitServerFace, "kit" | "create"> & {
    create(
      host: KitHost<Manifest["settings"] extends z.ZodObject ? z.output<Manifest["settings"]> : Record<string, never>>,
    ): KitServer | Promise<KitServer>;
  },
): KitServerFace {
  const { create, ...rest } = face;
  return { kit, ...rest, create: (host) => create(host as never) };
}
