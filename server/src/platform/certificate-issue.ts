// First of all: the certificate library looks for the Reflect polyfill when it is loaded.
import "reflect-metadata";
import { createPrivateKey, KeyObject, randomBytes, webcrypto, X509Certificate } from "node:crypto";

import * as x509 from "@peculiar/x509";

/** A certificate with its key, both PEM. */
export interface KeyPair {
  readonly certPem: string;
  readonly keyPem: string;
}

const dayMs = 86_400_000;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** A clock before this is wrong: a machine without a battery starts in 1970, and a certificate of then would be dead for ever. */
const earliestMs = Date.UTC(2026, 0, 1);
/** Clients have refused certificates of more than 398 days since 2020. */
const serverDays = 396;
const authorityYears = 20;

/** The time certificates are made for: the clock's, or the earliest it can really be. */
export function saneMs(nowMs: number): number {
  return Math.max(nowMs, earliestMs);
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function pemOfKey(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: "pkcs8", format: "pem" }).toString();
}

/** A positive number of 127 random bits. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

/** Makes an authority of this installation's own: EC P-256, 20 years, able to sign servers and nothing below them. */
export async function issueAuthority(nowMs: number): Promise<KeyPair> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await makeKeys();
  const notAfter = new Date(saneMs(nowMs));
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + authorityYears);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Roost authority ${randomBytes(4).toString("hex")}`,
    // Devices with a slow clock trust it from the start.
    notBefore: new Date(earliestMs - 365 * dayMs),
    notAfter,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: `${cert.toString("pem")}\n`, keyPem: pemOfKey(keys.privateKey) };
}

/** Makes a server certificate for the names, signed by the authority. */
export async function issueServer(
  authority: KeyPair,
  names: readonly { type: "dns" | "ip"; value: string }[],
  nowMs: number,
): Promise<KeyPair> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await makeKeys();
  const issuer = new x509.X509Certificate(authority.certPem);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    createPrivateKey(authority.keyPem).export({ type: "pkcs8", format: "der" }),
    algorithm,
    false,
    ["sign"],
  );
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // Clients compare the alternative names alone; a subject of its own keeps tools that show it readable.
    subject: "CN=Roost server",
    issuer: issuer.subject,
    notBefore: new Date(saneMs(nowMs) - dayMs),
    notAfter: new Date(saneMs(nowMs) + (serverDays - 1) * dayMs),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([...names]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export(webcrypto)),
    ],
  });
  return { certPem: `${cert.toString("pem")}\n`, keyPem: pemOfKey(keys.privateKey) };
}

/** The names a certificate carries, in the form they were issued with, sorted. */
export function namesIn(certPem: string): string[] {
  const extension = new x509.X509Certificate(certPem).getExtension(x509.SubjectAlternativeNameExtension);
  return (extension?.names.items ?? []).map((name) => name.value).sort((one, other) => (one < other ? -1 : 1));
}

const certBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;
const keyBlock = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+?-----END (?:[A-Z]+ )?PRIVATE KEY-----/;

/** The certificates of a PEM text, in their order. @throws where one cannot be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(certBlock) ?? []).map((block) => new X509Certificate(block));
}

/** Takes a PEM text with a certificate (and its chain) and its key apart. @throws where they do not belong together. */
export function keyPairIn(pem: string): KeyPair {
  const keyPem = keyBlock.exec(pem)?.[0];
  const blocks = pem.match(certBlock) ?? [];
  const [leaf] = certificatesIn(pem);
  if (keyPem === undefined || leaf === undefined) throw new TypeError("A certificate or its key is missing.");
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) throw new TypeError("The key is not the certificate's.");
  return { certPem: `${blocks.join("\n")}\n`, keyPem: `${keyPem}\n` };
}
