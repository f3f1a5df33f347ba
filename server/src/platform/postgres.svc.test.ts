import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { createTestDatabase } from "@roost/testbed/postgres";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createLog } from "./log.ts";
import { chooseAccount, mayUse } from "./postgres-account.ts";
import { findBinaries, usablePlace } from "./postgres-binaries.ts";
import { checkDatabase } from "./postgres-check.ts";
import { startPostmaster } from "./postgres-process.ts";
import { openPostgres, startEmbeddedPostgres } from "./postgres.ts";

const program = fileURLToPath(new URL("./postgres-throwaway.ts", import.meta.url));
const log = createLog({ level: "silent", pretty: false });
const root = process.getuid?.() === 0;
const linux = process.platform === "linux";

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "roost-test-"));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  const used = folder;
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await eventually(async () => (await postgresOn(used)).length === 0);
  await rm(used, { recursive: true, force: true });
});

interface Ready {
  readonly host: string;
  readonly pid: number;
  readonly code?: string;
}

/** Runs a cluster in a Node of its own, so that it can be killed. */
async function inAnotherProcess(prefix: readonly string[] = []): Promise<{ child: ChildProcess; ready: Ready }> {
  const [command, ...args] = [...prefix, process.execPath, program, "--durable", `--keep=${folder}`];
  const child = spawn(command ?? "", args, { stdio: ["pipe", "pipe", "ignore"] });
  children.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`ended with ${code}`)));
  });
  return { child, ready: JSON.parse(line) as Ready };
}

async function ask<Row extends object>(host: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ host, user: "roost", database: "postgres" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Process ids of PostgreSQL with its working directory somewhere below. */
async function postgresOn(below: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const cwd = await readlink(`/proc/${name}/cwd`).catch(() => "");
    const exe = await readlink(`/proc/${name}/exe`).catch(() => "");
    if (cwd.startsWith(`${below}/`) && exe.endsWith("/postgres")) found.push(Number(name));
  }
  return found;
}

/** Sends a signal to each; a backend that has come to its end since it was looked up needs none. */
function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

const kill9 = (child: ChildProcess) =>
  new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGKILL");
  });

describe.runIf(linux)("the built-in PostgreSQL", () => {
  it("makes a durable cluster with checksums, for its user alone, and finds it again", async () => {
    const first = await openPostgres({ dataDir: join(folder, "pg"), url: undefined, log });
    expect(first.facts).toMatchObject({ fsync: true, synchronousCommit: "on", fullPageWrites: true, checksums: true, encoding: "UTF8" });
    // N-W04: not even the role that owns the tables may pass by row-level security elsewhere, make roles, or read files.
    const client = new pg.Client(first.connection);
    await client.connect();
    const { rows: roles } = await client.query(
      "select r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb from pg_roles r where r.rolname = current_user",
    );
    expect(roles).toEqual([{ rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false }]);
    await client.end();
    const socket = await stat(first.connection.host ?? "");
    expect(socket.mode & 0o777).toBe(0o700);
    const owner = await stat(first.embedded?.dataDir ?? "");
    expect(owner.mode & 0o777).toBe(0o700);
    expect(owner.uid).toBe(socket.uid);
    if (root) {
      expect(owner.uid).not.toBe(0);
      const passwd = await readFile("/etc/passwd", "utf8");
      expect(passwd).not.toMatch(new RegExp(`^[^:]*:[^:]*:${owner.uid}:`, "m"));
    }
    const [listens] = await ask<{ addresses: string }>(
      first.connection.host ?? "",
      "select current_setting('listen_addresses') as addresses",
    );
    expect(listens?.addresses).toBe("");
    await ask(first.connection.host ?? "", "create table kept as select 7 as value");
    await first.stop();
    expect(await postgresOn(folder)).toEqual([]);
    const second = await openPostgres({ dataDir: join(folder, "pg"), url: undefined, log });
    expect(await ask(second.connection.host ?? "", "select * from kept")).toEqual([{ value: 7 }]);
    await second.stop();
  });

  it("refuses a second Roost on the same folder, in this process and in another", async () => {
    const { child, ready } = await inAnotherProcess();
    await expect(startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true })).rejects.toMatchObject({ code: "postgres.in_use" });
    expect((await inAnotherProcess()).ready.code).toBe("postgres.in_use");
    expect(await ask(ready.host, "select 1 as one")).toEqual([{ one: 1 }]);
    child.stdin?.end();
    await new Promise((resolve) => child.once("exit", resolve));
    const own = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true });
    await expect(startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true })).rejects.toMatchObject({ code: "postgres.in_use" });
    await own.stop();
  });

  it("leaves no PostgreSQL behind when Node is killed, and starts again with all that was committed", async () => {
    const { child, ready } = await inAnotherProcess();
    await ask(ready.host, "create table kept as select 7 as value");
    await kill9(child);
    await eventually(async () => (await postgresOn(folder)).length === 0);
    const again = await inAnotherProcess();
    expect(await ask(again.ready.host, "select * from kept")).toEqual([{ value: 7 }]);
  });

  it("stops a PostgreSQL that a dead Roost left running, even a frozen one, and starts again with all that was committed", async () => {
    const { child, ready } = await inAnotherProcess();
    await ask(ready.host, "create table kept as select 7 as value");
    // A frozen postmaster cannot follow the signal of its parent's death: the same as where there is no setpriv.
    signal(await postgresOn(folder), "SIGSTOP");
    await kill9(child);
    expect(await postgresOn(folder)).toContain(ready.pid);
    const again = await inAnotherProcess();
    expect(again.ready.pid).not.toBe(ready.pid);
    expect(await postgresOn(folder)).not.toContain(ready.pid);
    expect(await ask(again.ready.host, "select * from kept")).toEqual([{ value: 7 }]);
  });

  it("does both where nothing ends a child with its parent: steps down by itself, and stops what is left at the next start", async () => {
    const made = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true });
    await ask(made.socketDir, "create table kept as select 7 as value");
    await made.stop();
    const data = join(folder, "pg/data");
    const account = chooseAccount(await stat(data));
    const { postgres: binary } = await findBinaries(account, folder);
    const settings = { listen_addresses: "", unix_socket_directories: made.socketDir };
    const left = await startPostmaster({ program: binary, data, settings, account, parentDeathSignal: false, log });
    expect(await readFile(`/proc/${left.pid}/status`, "utf8")).toMatch(new RegExp(`^Uid:\\s+${account.uid}\\s+${account.uid}`, "m"));
    const again = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true });
    expect(await left.ended).toMatchObject({ code: 0 });
    expect(await ask(again.socketDir, "select * from kept")).toEqual([{ value: 7 }]);
    await again.stop();
  });

  it("starts though the lock file names a process that lives: numbers are used again after a reboot", async () => {
    const { child, ready } = await inAnotherProcess();
    const lockFile = join(folder, "pg/data/postmaster.pid");
    const text = await readFile(lockFile, "utf8");
    signal(await postgresOn(folder), "SIGKILL");
    await kill9(child);
    await writeFile(lockFile, text.replace(String(ready.pid), String(process.pid)));
    await writeFile(join(ready.host, ".s.PGSQL.5432.lock"), text.replace(String(ready.pid), String(process.pid)));
    const again = await inAnotherProcess();
    expect(await ask(again.ready.host, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("begins anew after a start that was killed while the cluster was being made", async () => {
    const made = join(folder, "pg/data");
    const half = async () => (await readdir(join(folder, "pg")).catch(() => [])).find((name) => name.startsWith("data.new-"));
    const isHalfMade = async () => {
      const name = await half();
      return name !== undefined && existsSync(join(folder, "pg", name, "PG_VERSION"));
    };
    for (;;) {
      const child = spawn(process.execPath, [program, "--durable", `--keep=${folder}`], { stdio: ["pipe", "ignore", "ignore"] });
      children.push(child);
      await eventually(async () => existsSync(made) || (await isHalfMade()));
      await kill9(child);
      if (!existsSync(made)) break;
      // It was whole before anybody here looked: that is no kill in the middle, and another one is begun.
      await eventually(async () => (await postgresOn(folder)).length === 0);
      await rm(join(folder, "pg"), { recursive: true });
    }
    const { ready } = await inAnotherProcess();
    expect(await ask(ready.host, "select 1 as one")).toEqual([{ one: 1 }]);
    expect(await half()).toBeUndefined();
  });

  it("stops and says so when the cluster is damaged or gone, and never starts empty", async () => {
    const at = { dataDir: join(folder, "pg"), durable: true } as const;
    await (await startEmbeddedPostgres(at)).stop();
    const control = join(folder, "pg/data/global/pg_control");
    await rename(control, `${control}.away`);
    await expect(startEmbeddedPostgres(at)).rejects.toMatchObject({
      code: "postgres.damaged",
      details: { missing: ["global/pg_control"] },
    });
    await rename(`${control}.away`, control);
    await rename(join(folder, "pg/data"), join(folder, "pg/away"));
    await expect(startEmbeddedPostgres(at)).rejects.toMatchObject({ code: "postgres.damaged" });
    await mkdir(join(folder, "pg/data"));
    await expect(startEmbeddedPostgres(at)).rejects.toMatchObject({ code: "postgres.damaged" });
    await rm(join(folder, "pg/data"), { recursive: true });
    await rename(join(folder, "pg/away"), join(folder, "pg/data"));
    await writeFile(join(folder, "pg/data/PG_VERSION"), "14\n");
    await expect(startEmbeddedPostgres(at)).rejects.toMatchObject({ code: "postgres.other_version" });
    await writeFile(join(folder, "pg/data/PG_VERSION"), "15\n");
    await (await startEmbeddedPostgres(at)).stop();
  });

  it("R2: comes back by itself after its postmaster was killed, and after one of its backends was", async () => {
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true });
    await ask(postgres.socketDir, "create table kept as select 7 as value");
    const answers = async () => {
      const rows = await ask<{ value: number }>(postgres.socketDir, "select * from kept").catch(() => []);
      return rows[0]?.value === 7;
    };
    const before = postgres.pid();
    process.kill(before ?? 0, "SIGKILL");
    await eventually(async () => postgres.pid() !== undefined && postgres.pid() !== before && (await answers()));
    const client = new pg.Client({ host: postgres.socketDir, user: "roost", database: "postgres" });
    client.on("error", () => undefined);
    await client.connect();
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const lost = new Promise((resolve) => client.once("end", resolve));
    process.kill(rows[0]?.pid ?? 0, "SIGKILL");
    await lost;
    await eventually(answers);
    await postgres.stop();
    expect(await postgresOn(folder)).toEqual([]);
  });

  it("shuts down though a client holds a transaction open and all its processes are frozen", async () => {
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true });
    const client = new pg.Client({ host: postgres.socketDir, user: "roost", database: "postgres" });
    client.on("error", () => undefined);
    await client.connect();
    await client.query("begin");
    signal(await postgresOn(folder), "SIGSTOP");
    await postgres.stop();
    await postgres.stop();
    await eventually(async () => (await postgresOn(folder)).length === 0);
  });

  it("puts the socket where its path is short enough, in a folder for its user alone", async () => {
    const deep = join(folder, "a-long-name-".repeat(8));
    const postgres = await startEmbeddedPostgres({ dataDir: join(deep, "pg"), durable: true });
    expect(await ask(postgres.socketDir, "select 1 as one")).toEqual([{ one: 1 }]);
    const socket = await lstat(postgres.socketDir);
    expect(socket.isDirectory()).toBe(true);
    expect(socket.mode & 0o777).toBe(0o700);
    await postgres.stop();
    await rm(postgres.socketDir, { recursive: true });
    if (!root) return;
    // Somebody made it before us, to read what we write: it is not used.
    await mkdir(postgres.socketDir);
    await chown(postgres.socketDir, 4321, 4321);
    await expect(startEmbeddedPostgres({ dataDir: join(deep, "pg"), durable: true })).rejects.toMatchObject({
      code: "postgres.socket_folder",
    });
    await rm(postgres.socketDir, { recursive: true });
  });

  it.runIf(root)("runs as an ordinary user too", async () => {
    await chown(folder, 65_534, 65_534);
    const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const { child, ready } = await inAnotherProcess(prefix);
    expect((await stat(join(folder, "pg/data"))).uid).toBe(65_534);
    expect(await readFile(`/proc/${ready.pid}/status`, "utf8")).toMatch(/^Uid:\s+65534\s+65534/m);
    await ask(ready.host, "create table kept as select 7 as value");
    await kill9(child);
    await eventually(async () => (await postgresOn(folder)).length === 0);
    // Root that comes later takes it as its owner does.
    const later = await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true });
    expect(await ask(later.socketDir, "select * from kept")).toEqual([{ value: 7 }]);
    expect(await readFile(`/proc/${later.pid()}/status`, "utf8")).toMatch(/^Uid:\s+65534\s+65534/m);
    await later.stop();
  });

  it.runIf(root)("refuses a cluster that is another user's", async () => {
    await (await startEmbeddedPostgres({ dataDir: join(folder, "pg"), durable: true })).stop();
    await chmod(join(folder, "pg/lock"), 0o666);
    const { ready } = await inAnotherProcess(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    expect(ready.code).toBe("postgres.foreign_folder");
  });

  it.runIf(root)(
    "goes to the machine's own place from a folder that only root may enter, and tells when it lost its way back",
    async () => {
      await chmod(folder, 0o700);
      const at = { dataDir: join(folder, "pg"), durable: true } as const;
      const postgres = await startEmbeddedPostgres(at);
      const home = join(postgres.dataDir, "..");
      try {
        expect(postgres.dataDir).toMatch(/^\/var\/lib\/roost\/[0-9a-f]{12}\/data$/);
        await ask(postgres.socketDir, "create table kept as select 7 as value");
        await postgres.stop();
        const again = await startEmbeddedPostgres(at);
        expect(await ask(again.socketDir, "select * from kept")).toEqual([{ value: 7 }]);
        await again.stop();
        await rm(join(folder, "pg"), { recursive: true });
        await expect(startEmbeddedPostgres(at)).rejects.toMatchObject({ code: "postgres.left_behind" });
      } finally {
        await postgres.stop();
        await rm(home, { recursive: true, force: true });
      }
    },
  );
});

describe("the binaries of the package", () => {
  const self = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, switched: false };
  const links = [
    { source: "native/lib/libx.so.1.2", target: "native/lib/libx.so" },
    { source: "native/lib/libx.so.1.2", target: "native/lib/libx.so.1" },
  ];

  async function makePackage(): Promise<string> {
    const pkg = join(folder, "package");
    await mkdir(join(pkg, "native/bin"), { recursive: true });
    await mkdir(join(pkg, "native/lib"));
    for (const program of ["postgres", "initdb"]) await writeFile(join(pkg, "native/bin", program), "#!", { mode: 0o755 });
    await writeFile(join(pkg, "native/lib/libx.so.1.2"), "library");
    await writeFile(join(pkg, "native/pg-symlinks.json"), JSON.stringify(links));
    return pkg;
  }

  it("get the links that the package manager left out or made wrong, though many starts do it at once", async () => {
    const pkg = await makePackage();
    await symlink("/nowhere", join(pkg, "native/lib/libx.so"));
    const places = await Promise.all(Array.from({ length: 20 }, () => usablePlace(pkg, self, folder, "1.2")));
    expect(new Set(places)).toEqual(new Set([pkg]));
    for (const { target } of links) expect(await readFile(join(pkg, target), "utf8")).toBe("library");
    expect((await readdir(join(pkg, "native/lib"))).toSorted()).toEqual(["libx.so", "libx.so.1", "libx.so.1.2"]);
  });

  it.runIf(root)("are copied once where the account cannot read them", async () => {
    const pkg = await makePackage();
    await chmod(join(pkg, "native"), 0o700);
    await chmod(join(pkg, "native/lib/libx.so.1.2"), 0o600);
    const account = { uid: 5432, gid: 5432, switched: true };
    const [place] = await Promise.all([
      usablePlace(pkg, account, join(folder, "bin"), "1.2"),
      usablePlace(pkg, account, join(folder, "bin"), "1.2"),
    ]);
    expect(place).toBe(join(folder, "bin/postgresql-1.2"));
    for (const part of ["bin/postgres", "lib/libx.so.1"]) expect(await mayUse(account, join(place, "native", part), 4)).toBe(true);
    expect(await readdir(join(folder, "bin"))).toEqual(["postgresql-1.2"]);
    const { ino } = await stat(join(place, "native/bin/postgres"));
    expect(await usablePlace(pkg, account, join(folder, "bin"), "1.2")).toBe(place);
    expect((await stat(join(place, "native/bin/postgres"))).ino).toBe(ino);
  });
});

describe("a database that was given", () => {
  it("is refused when its commits do not wait for the disk, and when it does not answer", async () => {
    const database = await createTestDatabase({ migrated: false });
    const client = new pg.Client(database.connection);
    await client.connect();
    const { rows } = await client.query<{ name: string }>("select current_database() as name");
    await client.query(`alter database ${rows[0]?.name} set synchronous_commit = off`);
    await client.end();
    await expect(checkDatabase(database.connection, log)).rejects.toMatchObject({
      code: "postgres.not_durable",
      details: { synchronousCommit: "off" },
    });
    await database.drop();
    await expect(openPostgres({ dataDir: folder, url: "postgres://nobody@127.0.0.1:1/none", log })).rejects.toMatchObject({
      code: "postgres.unreachable",
      details: { reason: "ECONNREFUSED" },
    });
  });
});
