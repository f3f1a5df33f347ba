/** What the settings depend on. */
export interface Machine {
  readonly memoryBytes: number;
  /** Free on the disk of the cluster. */
  readonly diskFreeBytes: number;
}

const MiB = 1024 ** 2;

function clamp(value: number, least: number, most: number): number {
  return Math.round(Math.min(most, Math.max(least, value)));
}

/**
 * The settings of the built-in PostgreSQL: for one server beside it on a small machine, where the page cache does most of the work.
 *
 * @param durable - `false` only for throw-away clusters of tests: then a crash of the machine loses them.
 */
export function postgresSettings(machine: Machine, durable: boolean): Readonly<Record<string, string>> {
  const buffersMiB = clamp(machine.memoryBytes / MiB / 16, 32, 128);
  const walMiB = clamp(machine.diskFreeBytes / MiB / 20, 128, 1024);
  return {
    listen_addresses: "",
    unix_socket_permissions: "0700",
    cluster_name: "roost",
    timezone: "UTC",
    log_timezone: "UTC",
    max_connections: "60",
    fsync: durable ? "on" : "off",
    full_page_writes: durable ? "on" : "off",
    synchronous_commit: "on",
    // The binaries of the npm package are built without lz4.
    wal_compression: "pglz",
    shared_buffers: `${buffersMiB}MB`,
    effective_cache_size: `${clamp(machine.memoryBytes / MiB / 2, 128, 65_536)}MB`,
    work_mem: "8MB",
    maintenance_work_mem: `${clamp(machine.memoryBytes / MiB / 32, 32, 128)}MB`,
    huge_pages: "off",
    wal_buffers: "8MB",
    min_wal_size: `${clamp(walMiB / 4, 64, 256)}MB`,
    max_wal_size: `${walMiB}MB`,
    checkpoint_timeout: "10min",
    max_wal_senders: "0",
    max_replication_slots: "0",
    max_logical_replication_workers: "0",
    max_worker_processes: "4",
    max_parallel_workers: "2",
    autovacuum_max_workers: "2",
    jit: "off",
    log_checkpoints: "off",
    log_line_prefix: "%e|",
    log_min_messages: "warning",
    // Statements and details carry what devices and people wrote: not for a log.
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
    // A commit of ingest is worth more than the neighbour's: a client that holds a transaction open and does nothing is cut.
    idle_in_transaction_session_timeout: "5min",
  };
}
