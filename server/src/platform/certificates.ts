import { randomBytes, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";

import { AppError } from "@roost/contract/errors";

import { certificatesIn, issueAuthority, issueServer, keyPairIn, namesIn, saneMs } from "./certificate-issue.ts";
import type { KeyPair } from "./certificate-issue.ts";
import { certificateNames, machineNames } from "./certificate-names.ts";
import type { Clock } from "./clock.ts";
import { syncFolder, writeOnce } from "./installation-key.ts";
import type { Log } from "./log.ts";

export interface CertificateOptions {
  readonly dataDir: string;
  /** `ROOST_PUBLIC_HOSTS`: the names and addresses devices use, beside this machine's own. */
  readonly hosts: readonly string[];
  /** An own certificate chain and key, by file. Both or none. */
  readonly ownCertFile?: string | undefined;
  readonly ownKeyFile?: string | undefined;
  /** What this machine is called and which addresses it has now. */
  readonly machine?: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface Certificates {
  /** What devices trust, PEM: the installation's own authority, and with an own certificate the one that signed that. */
  caPem(): string;
  /** For TLS servers, PEM. The same object until it is renewed. */
  serverCert(): { readonly cert: string; readonly key: string };
  /** Names and addresses in the server certificate. */
  names(): readonly string[];
  expiresAt(): Date;
  /**
   * Makes or reads a new server certificate when the old one ends within 30 days, the names changed, or the files of an own one did.
   * Devices go on trusting it: the authority stays.
   *
   * @returns Whether `serverCert` is another one now.
   */
  renewIfDue(): Promise<boolean>;
  /** Calls `renewIfDue` again and again, and `onRenewed` after each renewal. @returns The end of it. */
  watch(onRenewed: () => void, everyMs?: number): () => void;
}

const renewBeforeMs = 30 * 86_400_000;

/**
 * The installation's certificates in `<dataDir>/certificates/`: an authority made at the first start, and the door's server certificate.
 *
 * @throws {AppError} `certificates.damaged` when the authority is there but unusable, or gone while its traces are there: a new one would
 *   lock every device out. `certificates.own_unusable` for an own certificate that cannot be used. `certificates.bad_host`.
 */
export async function createCertificates(options: CertificateOptions): Promise<Certificates> {
  const { dataDir, hosts, ownCertFile, ownKeyFile, machine = machineNames, clock, log } = options;
  const folder = join(dataDir, "certificates");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = await loadAuthority(folder, clock.nowMs());
  const serverFile = join(folder, "server.pem");
  const own = ownFiles(ownCertFile, ownKeyFile);
  let server: { cert: string; key: string; names: readonly string[]; expiresAt: Date; caPem: string };
  let ownStamp = "";

  function take(pair: KeyPair, caPem: string): void {
    const leaf = new X509Certificate(pair.certPem);
    server = { cert: pair.certPem, key: pair.keyPem, names: namesIn(pair.certPem), expiresAt: leaf.validToDate, caPem };
  }

  async function takeOwn(files: { certFile: string; keyFile: string }): Promise<void> {
    const stamp = await stampOf(files);
    take(await readOwn(files), (await ownTrust(files)) + authority.certPem);
    ownStamp = stamp;
    if (server.expiresAt.getTime() <= clock.nowMs()) log.warn({ expiresAt: server.expiresAt }, "the own server certificate has expired");
  }

  async function issue(): Promise<void> {
    const pair = await issueServer(authority, certificateNames(hosts, machine()), clock.nowMs());
    await replaceFile(serverFile, pair.keyPem + pair.certPem);
    take(pair, authority.certPem);
    log.info({ names: server.names, expiresAt: server.expiresAt }, "server certificate issued");
  }

  /** Says whether the certificate at hand no longer serves. */
  function isDue(): boolean {
    const leaf = new X509Certificate(server.cert);
    const nowMs = saneMs(clock.nowMs());
    const wanted = certificateNames(hosts, machine()).map((name) => name.value);
    return (
      leaf.validToDate.getTime() - nowMs < renewBeforeMs ||
      // Issued while the clock was far ahead: valid only in a future that may be years away.
      leaf.validFromDate.getTime() > nowMs ||
      !leaf.verify(new X509Certificate(authority.certPem).publicKey) ||
      wanted.length !== server.names.length ||
      wanted.some((name, index) => name !== server.names[index])
    );
  }

  async function renewOwn(files: { certFile: string; keyFile: string }): Promise<boolean> {
    try {
      if ((await stampOf(files)) === ownStamp) return false;
      await takeOwn(files);
      log.info({ expiresAt: server.expiresAt }, "the own server certificate was read anew");
      return true;
    } catch (error) {
      // Half-written by whoever renews it: the old one serves on, and the next look tries again.
      log.warn({ err: error }, "the own server certificate cannot be read; the one in use stays");
      return false;
    }
  }

  if (own === undefined) {
    const kept = await readKept(serverFile, log);
    if (kept === undefined) await issue();
    else {
      take(kept, authority.certPem);
      if (isDue()) await issue();
    }
  } else await takeOwn(own);

  async function renewIfDue(): Promise<boolean> {
    if (own !== undefined) return renewOwn(own);
    if (!isDue()) return false;
    await issue();
    return true;
  }

  return {
    caPem: () => server.caPem,
    serverCert: () => server,
    names: () => server.names,
    expiresAt: () => server.expiresAt,
    renewIfDue,
    watch(onRenewed, everyMs = 60_000) {
      const timer = setInterval(() => {
        renewIfDue()
          .then((renewed) => (renewed ? onRenewed() : undefined))
          .catch((error: unknown) => log.error({ err: error }, "the server certificate could not be renewed"));
      }, everyMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/** Key and certificate of the authority are one file, written whole: there is no moment with one and not the other. */
async function loadAuthority(folder: string, nowMs: number): Promise<KeyPair> {
  const path = join(folder, "authority.pem");
  const publicPath = join(folder, "ca.pem");
  let text = await readIfThere(path);
  if (text === undefined) {
    for (const trace of [publicPath, join(folder, "server.pem")]) {
      if ((await readIfThere(trace)) !== undefined) throw damaged(path, new Error("authority.pem is missing, others are there"));
    }
    const made = await issueAuthority(nowMs);
    await writeOnce(path, made.keyPem + made.certPem);
    text = await readIfThere(path);
  }
  let authority: KeyPair;
  try {
    authority = keyPairIn(text ?? "");
    if (!new X509Certificate(authority.certPem).ca) throw new TypeError("The certificate is not an authority's.");
  } catch (cause) {
    throw damaged(path, cause);
  }
  // A copy without the key, for people to take.
  if ((await readIfThere(publicPath)) !== authority.certPem) await replaceFile(publicPath, authority.certPem, 0o644);
  return authority;
}

/** What can be made again is made again: a damaged server certificate costs nobody anything. */
async function readKept(path: string, log: Log): Promise<KeyPair | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return keyPairIn(text);
  } catch (error) {
    log.warn({ err: error }, "the server certificate was damaged; a new one is issued");
    return undefined;
  }
}

function ownFiles(certFile: string | undefined, keyFile: string | undefined): { certFile: string; keyFile: string } | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw ownUnusable({ missing: certFile === undefined ? "ROOST_TLS_CERT_FILE" : "ROOST_TLS_KEY_FILE" });
  }
  return { certFile, keyFile };
}

async function readOwn({ certFile, keyFile }: { certFile: string; keyFile: string }): Promise<KeyPair> {
  try {
    return keyPairIn((await readFile(keyFile, "utf8")) + (await readFile(certFile, "utf8")));
  } catch (cause) {
    throw ownUnusable({ certFile, keyFile }, cause);
  }
}

/** What a device must trust for an own certificate: the end of its chain, or the public root that signed that end. */
async function ownTrust({ certFile }: { certFile: string }): Promise<string> {
  const chain = certificatesIn(await readFile(certFile, "utf8"));
  const last = chain.at(-1);
  if (last === undefined) return "";
  if (last.checkIssued(last)) return last.toString();
  for (const pem of rootCertificates) {
    const root = new X509Certificate(pem);
    if (last.checkIssued(root) && last.verify(root.publicKey)) return root.toString();
  }
  return chain.length > 1 ? last.toString() : "";
}

async function stampOf({ certFile, keyFile }: { certFile: string; keyFile: string }): Promise<string> {
  const [cert, key] = await Promise.all([stat(certFile), stat(keyFile)]).catch((cause: unknown) => {
    throw ownUnusable({ certFile, keyFile }, cause);
  });
  return [cert, key].map((file) => `${file.ino}:${file.size}:${file.mtimeMs}`).join(" ");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw damaged(path, cause);
  }
}

/** Puts a file in the place of the old one whole: after a crash there is one or the other. */
async function replaceFile(path: string, text: string, mode = 0o600): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.new`;
  const file = await open(draft, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(join(path, ".."));
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError(
    "certificates.damaged",
    500,
    "The installation's certificate authority is damaged or incomplete. Restore the folder certificates from a backup: devices trust that authority alone.",
    { path },
    { cause },
  );
}

function ownUnusable(details: Record<string, unknown>, cause?: unknown): AppError {
  return new AppError(
    "certificates.own_unusable",
    500,
    "The own server certificate cannot be used. ROOST_TLS_CERT_FILE and ROOST_TLS_KEY_FILE must both name readable PEM files that belong together.",
    details,
    { cause },
  );
}
