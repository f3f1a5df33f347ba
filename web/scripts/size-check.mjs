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

/** First visits, with what each loads by itself beside what it imports. */
const visits = [
  { name: "the fleet", pages: ["pages/fleet/fleet-page.tsx"] },
  { name: "a plant", pages: ["pages/kits/kit-frame.tsx", "garden/web/plant-page.tsx", "uPlot.esm.js"], isKits: true },
];

let isHeavy = false;
for (const { name, pages, isKits } of visits) {
  const files = new Set(["index.html", "color-scheme.js"]);
  const take = (key) => {
    const chunk = manifest[key];
    if (chunk === undefined || files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const css of chunk.css ?? []) files.add(css);
    for (const next of chunk.imports ?? []) take(next);
  };
  take("index.html");
  const found = pages.map((page) => Object.keys(manifest).find((key) => key.endsWith(page)));
  // A house without that kit has no such page.
  if (isKits && found[1] === undefined) continue;
  for (const key of found) if (key !== undefined) take(key);
  let total = 0;
  for (const file of files) {
    const bytes = gzipSync(readFileSync(dist + file), { level: 9 }).length;
    total += bytes;
    process.stdout.write(`${(bytes / 1000).toFixed(1).padStart(8)} kB  ${file}\n`);
  }
  process.stdout.write(`${(total / 1000).toFixed(1).padStart(8)} kB  first load of ${name}, gzipped (bar ${barKilobytes} kB)\n\n`);
  isHeavy ||= total > barKilobytes * 1000;
}
if (isHeavy) process.exit(1);
