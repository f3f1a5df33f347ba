import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { issueAuthority, issueServer } from "./certificate-issue.ts";
import { certificateName } from "./certificate-names.ts";
import { createCertificates } from "./certificates.ts";
import type { CertificateOptions } from "./certificates.ts";
import { loadInstallationKey } from "./installation-key.ts";
import { createLog } from "./log.ts";

const run = promisify(execFile);
const log = createLog({ level: "silent", pretty: false });
const startMs = Date.UTC(2026, 5, 1, 12);
const dayMs = 86_400_000;
let base: string;
let dataDir: string;
let nowMs = startMs;
const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now() };

function make(more: Partial<CertificateOptions> = {}) {
  return createCertificates({
    dataDir,
    hosts: ["roost.example.org", "192.0.2.7"],
    machine: () => ["localhost", "127.0.0.1", "::1", "garage-pi"],
    clock,
    log,
    ...more,
  });
}

/** A real handshake: what the client checks is all that devices check. */
async function shakeHands(
  server: { cert: string; key: string },
  { ca, servername, host = "127.0.0.1" }: { ca: string; servername?: string; host?: string },
) {
  const listener = tls.createServer({ cert: server.cert, key: server.key, minVersion: "TLSv1.3" }, (socket) => socket.end("hello"));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  try {
    return await new Promise<string>((resolve, reject) => {
      const socket = tls.connect({
        host: "127.0.0.1",
        port: (listener.address() as AddressInfo).port,
        ca,
        ...(servername === undefined ? {} : { servername }),
        checkServerIdentity: (_, cert) => tls.checkServerIdentity(servername ?? host, cert),
      });
      socket.on("error", reject);
      socket.on("data", (bytes) => resolve(bytes.toString()));
    });
  } finally {
    listener.close();
  }
}

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "roost-certificates-"));
});
afterAll(async () => rm(base, { recursive: true, force: true }));
beforeEach(async () => {
  nowMs = startMs;
  dataDir = await mkdtemp(join(base, "data-"));
});

describe("the installation's certificates", () => {
  it("GA-29: are accepted by openssl and by a real handshake, by every name and address", async () => {
    nowMs = Date.now();
    const certificates = await make();
    const ca = join(dataDir, "certificates/ca.pem");
    const leaf = join(dataDir, "leaf.pem");
    await writeFile(leaf, certificates.serverCert().cert);
    const { stdout } = await run("openssl", ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca, leaf]);
    expect(stdout.trim()).toBe(`${leaf}: OK`);
    expect(certificates.names()).toEqual(["127.0.0.1", "192.0.2.7", "::1", "garage-pi", "localhost", "roost.example.org"]);
    for (const servername of ["roost.example.org", "localhost", "garage-pi"]) {
      expect(await shakeHands(certificates.serverCert(), { ca: certificates.caPem(), servername })).toBe("hello");
    }
    for (const host of ["127.0.0.1", "192.0.2.7", "::1"]) {
      expect(await shakeHands(certificates.serverCert(), { ca: certificates.caPem(), host })).toBe("hello");
    }
    await expect(shakeHands(certificates.serverCert(), { ca: certificates.caPem(), servername: "evil.example" })).rejects.toThrow(
      /altnames/,
    );
    const { certPem: foreignCa } = await issueAuthority(nowMs);
    await expect(shakeHands(certificates.serverCert(), { ca: foreignCa, servername: "localhost" })).rejects.toThrow();
  });

  it("S3: are made by each installation for itself, on P-256, 397 days at most, the keys readable by their owner alone", async () => {
    const certificates = await make();
    const authority = new X509Certificate(certificates.caPem());
    const leaf = new X509Certificate(certificates.serverCert().cert);
    expect(authority.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(authority.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect((leaf.validToDate.getTime() - leaf.validFromDate.getTime()) / dayMs).toBeLessThanOrEqual(397);
    expect((authority.validToDate.getTime() - nowMs) / dayMs).toBeGreaterThan(10 * 365);
    for (const file of ["authority.pem", "server.pem"]) {
      expect((await stat(join(dataDir, "certificates", file))).mode & 0o777).toBe(0o600);
    }
    expect(await readFile(join(dataDir, "certificates/ca.pem"), "utf8")).not.toContain("PRIVATE");
    const other = await make({ dataDir: await mkdtemp(join(base, "other-")) });
    expect(other.caPem()).not.toBe(certificates.caPem());
    expect(other.serverCert().key).not.toBe(certificates.serverCert().key);
  });

  it("GA-29: stay the same over restarts, and are renewed under the same authority before they end", async () => {
    const first = await make();
    const second = await make();
    expect(second.serverCert()).toMatchObject({ cert: first.serverCert().cert, key: first.serverCert().key });
    expect(await second.renewIfDue()).toBe(false);
    nowMs = first.expiresAt().getTime() - 29 * dayMs;
    expect(await second.renewIfDue()).toBe(true);
    expect(second.expiresAt().getTime()).toBeGreaterThan(nowMs + 300 * dayMs);
    expect(second.caPem()).toBe(first.caPem());
    expect(await second.renewIfDue()).toBe(false);
    // A device that claimed under the first certificate trusts the new one.
    expect(new X509Certificate(second.serverCert().cert).verify(new X509Certificate(first.caPem()).publicKey)).toBe(true);
  });

  it("are renewed when the names change, while running and at a start", async () => {
    let machine = ["localhost", "10.0.0.4"];
    const certificates = await make({ machine: () => machine });
    machine = ["localhost", "10.0.0.5"];
    expect(await certificates.renewIfDue()).toBe(true);
    expect(certificates.names()).toContain("10.0.0.5");
    expect(certificates.names()).not.toContain("10.0.0.4");
    const restarted = await make({ machine: () => machine, hosts: ["other.example"] });
    expect(restarted.names()).toEqual(["10.0.0.5", "localhost", "other.example"]);
    expect(restarted.caPem()).toBe(certificates.caPem());
  });

  it("outlive a first start in 1970, on a machine without a clock", async () => {
    nowMs = 60_000;
    const certificates = await make();
    expect(await certificates.renewIfDue()).toBe(false);
    nowMs = startMs;
    expect(new X509Certificate(certificates.caPem()).validToDate.getTime()).toBeGreaterThan(nowMs + 10 * 365 * dayMs);
    await certificates.renewIfDue();
    expect(certificates.expiresAt().getTime()).toBeGreaterThan(nowMs);
  });

  it("R9: are issued again when the clock that they were issued by turns out to have been years ahead", async () => {
    nowMs = startMs + 5 * 365 * dayMs;
    const certificates = await make();
    nowMs = startMs;
    expect(await certificates.renewIfDue()).toBe(true);
    const leaf = new X509Certificate(certificates.serverCert().cert);
    expect(leaf.validFromDate.getTime()).toBeLessThan(nowMs);
    expect(new X509Certificate(certificates.caPem()).validFromDate.getTime()).toBeLessThan(nowMs);
    // An hour or a day, either way, is no reason.
    for (const jumpMs of [3_600_000, -3_600_000, dayMs]) {
      nowMs = startMs + jumpMs;
      expect(await certificates.renewIfDue()).toBe(false);
    }
  });

  it("stop with a code when the authority is damaged, truncated or gone, and never begin anew", async () => {
    const file = () => join(dataDir, "certificates/authority.pem");
    const before = await make().then(() => readFile(file(), "utf8"));
    const keyOnly = before.slice(0, before.indexOf("-----BEGIN CERTIFICATE"));
    const foreign = await issueAuthority(nowMs);
    const swapped = foreign.keyPem + before.slice(before.indexOf("-----BEGIN CERTIFICATE"));
    for (const text of ["", "garbage", keyOnly, before.slice(0, -60), swapped]) {
      await writeFile(file(), text);
      await expect(make()).rejects.toMatchObject({ code: "certificates.damaged" });
      expect(await readFile(file(), "utf8")).toBe(text);
    }
    await unlink(file());
    await expect(make()).rejects.toMatchObject({ code: "certificates.damaged" });
    await writeFile(file(), before);
    expect((await make()).caPem()).toBe(before.slice(before.indexOf("-----BEGIN CERTIFICATE")));
  });

  it("issue a damaged server certificate again, because the authority stands", async () => {
    const before = await make();
    await writeFile(join(dataDir, "certificates/server.pem"), "half a cert");
    const after = await make();
    expect(after.serverCert().cert).not.toBe(before.serverCert().cert);
    expect(after.caPem()).toBe(before.caPem());
  });

  it("refuse a host that no certificate can name", async () => {
    await expect(make({ hosts: ["https://roost.example"] })).rejects.toMatchObject({ code: "certificates.bad_host" });
    await expect(make({ hosts: ["roost.example:8883"] })).rejects.toMatchObject({ code: "certificates.bad_host" });
    expect(certificateName("BÜCHER.example")).toEqual({ type: "dns", value: "xn--bcher-kva.example" });
    expect(certificateName("[2001:DB8:0::1]")).toEqual({ type: "ip", value: "2001:db8::1" });
    expect(certificateName("fe80::1%eth0")).toBeUndefined();
  });
});

describe("an own certificate by file", () => {
  async function writeOwn(authority: { certPem: string; keyPem: string }, folder: string) {
    const pair = await issueServer(authority, [{ type: "dns", value: "mqtt.example.org" }], nowMs);
    const certFile = join(folder, "own.crt");
    const keyFile = join(folder, "own.key");
    await writeFile(certFile, pair.certPem + authority.certPem);
    await writeFile(keyFile, pair.keyPem);
    return { ownCertFile: certFile, ownKeyFile: keyFile };
  }

  it("is served, trusted by the chain's end, and read anew when its files change", async () => {
    nowMs = Date.now();
    const authority = await issueAuthority(nowMs);
    const own = await writeOwn(authority, dataDir);
    const certificates = await make(own);
    expect(await shakeHands(certificates.serverCert(), { ca: certificates.caPem(), servername: "mqtt.example.org" })).toBe("hello");
    expect(await certificates.renewIfDue()).toBe(false);
    const before = certificates.serverCert().cert;
    await writeOwn(authority, dataDir);
    expect(await certificates.renewIfDue()).toBe(true);
    expect(certificates.serverCert().cert).not.toBe(before);
  });

  it("keeps the one in use while the files are half written, and stops a start with a code", async () => {
    const own = await writeOwn(await issueAuthority(nowMs), dataDir);
    const certificates = await make(own);
    const before = certificates.serverCert().cert;
    await writeFile(own.ownKeyFile, "-----BEGIN PRIV");
    expect(await certificates.renewIfDue()).toBe(false);
    expect(certificates.serverCert().cert).toBe(before);
    await expect(make(own)).rejects.toMatchObject({ code: "certificates.own_unusable" });
    await expect(make({ ownCertFile: own.ownCertFile })).rejects.toMatchObject({ code: "certificates.own_unusable" });
  });
});

describe("the installation's key", () => {
  it("S3: is made once, agreed on by two that start together, and readable by its owner alone", async () => {
    const [one, other] = await Promise.all([loadInstallationKey(dataDir), loadInstallationKey(dataDir)]);
    expect(one).toHaveLength(32);
    expect(other).toEqual(one);
    expect(await loadInstallationKey(dataDir)).toEqual(one);
    expect((await stat(join(dataDir, "installation.key"))).mode & 0o777).toBe(0o600);
    expect(await loadInstallationKey(await mkdtemp(join(base, "key-")))).not.toEqual(one);
  });

  it("S3: stops with a code when it is damaged or a placeholder, and is not replaced", async () => {
    const path = join(dataDir, "installation.key");
    for (const text of ["", "changeme", "00".repeat(32), "ab".repeat(31), "zz".repeat(32)]) {
      await writeFile(path, text);
      await expect(loadInstallationKey(dataDir)).rejects.toMatchObject({ code: "installation_key.damaged" });
      expect(await readFile(path, "utf8")).toBe(text);
    }
  });
});
