import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import type { SecurityHeaders } from "./security-headers.ts";

/** A file of the web app as it goes out. */
export interface WebFile {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** The built web app, held in memory: a few MB, no path of a request ever meets the file system. */
export interface WebApp {
  /** A file by its exact path, such as `/assets/main-1a2b3c4d.js`. */
  file(path: string, acceptEncoding: string): Promise<WebFile | undefined>;
  /** The page for every address of the app, with a nonce of its own for the style elements that the UI kit writes. */
  page(): Promise<WebFile>;
}

interface Held {
  readonly bytes: Buffer;
  readonly type: string;
  readonly etag: string;
  gzipped: Buffer | undefined;
}

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};
const packed = promisify(gzip);
const compressible = /^(?:text|application)\/|svg/;
const maxTotalBytes = 64 * 1024 * 1024;
/** Where the page's nonce stands in index.html, so that the app can hand it to the UI kit. */
const nonceMeta = "roost-style-nonce";

const notBuilt = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Roost</title></head>
<body><h1>Roost is running</h1><p>The web app has not been built yet. Run <code>npm run build -w web</code> in Roost's folder and load this page again.</p>
<p>The API is there already: <a href="/api/openapi.json">/api/openapi.json</a></p></body></html>`;

/**
 * @param root - Folder of the built app. It may be missing or be built again while Roost runs: each load of the page looks.
 */
export function createWebApp(root: string, security: SecurityHeaders): WebApp {
  let files: ReadonlyMap<string, Held> = new Map();
  let builtMs = -1;

  async function refresh(): Promise<void> {
    const found = await stat(join(root, "index.html")).catch(() => undefined);
    const mtimeMs = found?.mtimeMs ?? 0;
    if (mtimeMs === builtMs) return;
    files = found === undefined ? new Map() : await readAll(root);
    builtMs = mtimeMs;
  }

  return {
    async file(path, acceptEncoding) {
      if (builtMs === -1) await refresh();
      const held = files.get(path);
      if (held === undefined || path === "/index.html") return undefined;
      const immutable = /^\/assets\/.+-[\w-]{8,}\.\w+$/.test(path);
      const headers: Record<string, string> = {
        "content-type": held.type,
        "cache-control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
        etag: held.etag,
        vary: "accept-encoding",
      };
      if (held.bytes.length < 1_024 || !compressible.test(held.type) || !/\bgzip\b/.test(acceptEncoding))
        return { bytes: held.bytes, headers };
      held.gzipped ??= await packed(held.bytes, { level: 9 });
      return { bytes: held.gzipped, headers: { ...headers, "content-encoding": "gzip" } };
    },
    async page() {
      await refresh();
      const nonce = randomBytes(16).toString("base64url");
      const html = files.get("/index.html")?.bytes.toString("utf8") ?? notBuilt;
      return {
        bytes: Buffer.from(html.replace(/<head>/i, `<head><meta name="${nonceMeta}" content="${nonce}">`)),
        headers: {
          "content-type": "text/html; charset=utf-8",
          "cache-control": "no-cache",
          "content-security-policy": security.pagePolicy(nonce),
        },
      };
    },
  };
}

async function readAll(root: string): Promise<Map<string, Held>> {
  const files = new Map<string, Held>();
  let totalBytes = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const type = types[extname(entry.name).toLowerCase()];
    if (type === undefined) continue;
    const bytes = await readFile(path);
    totalBytes += bytes.length;
    if (totalBytes > maxTotalBytes) throw new RangeError("The built web app is larger than 64 MB: that is no web app of Roost's.");
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    files.set(`/${relative(root, path).split(sep).join("/")}`, { bytes, type, etag, gzipped: undefined });
  }
  return files;
}
