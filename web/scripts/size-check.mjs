// Adds up what a first visit downloads (the page, its script with all it imports at once, its styles), gzipped, and fails above the bar.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const barKilobytes = 300;
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const html = readFileSync(`${dist}index.html`, "utf8");
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, "utf8"));

if (/<script(?![^>]*\ssrc=)[^>]*>/.test(html) || /<style/.test(html) || /\son\w+=/.test(html)) {
  process.stderr.write("index.html has inline code, which the content security policy forbids.\n");
  process.exit(1);
}

const files = new Set(["index.html", "color-scheme.js"]);
const take = (key) => {
  const chunk = manifest[key];
  if (chunk === undefined || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) take(next);
};
take("index.html");
const firstPage = Object.keys(manifest).find((key) => key.endsWith("fleet-page.tsx"));
if (firstPage !== undefined) take(firstPage);

let total = 0;
for (const file of files) {
  const bytes = gzipSync(readFileSync(dist + file), { level: 9 }).length;
  total += bytes;
  process.stdout.write(`${(bytes / 1000).toFixed(1).padStart(8)} kB  ${file}\n`);
}
process.stdout.write(`${(total / 1000).toFixed(1).padStart(8)} kB  first load, gzipped (bar ${barKilobytes} kB)\n`);
if (total > barKilobytes * 1000) process.exit(1);
