import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { unzip } from "@roost/testbed/unzip";
import { describe, expect, it } from "vitest";

import { zip } from "./zip.ts";
import type { ZipFile } from "./zip.ts";

async function* those(...files: ZipFile[]): AsyncGenerator<ZipFile> {
  yield* files;
}

async function archiveOf(files: AsyncIterable<ZipFile>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of zip(files)) parts.push(part);
  return Buffer.concat(parts);
}

describe("a ZIP archive", () => {
  const long = Array.from({ length: 50_000 }, (_, line) => `line ${line}\r\n`);

  it("holds files of any length and name, each as it was", async () => {
    const archive = await archiveOf(
      those(
        { name: "empty.txt", content: [] },
        { name: "größe/ü.json", content: ["{", Buffer.from('"a":"ü"'), "}"] },
        { name: "long.csv", content: long },
      ),
    );
    const files = unzip(archive);
    expect([...files.keys()]).toEqual(["empty.txt", "größe/ü.json", "long.csv"]);
    expect(files.get("größe/ü.json")).toBe('{"a":"ü"}');
    expect(files.get("long.csv")).toBe(long.join(""));
    expect(archive.length).toBeLessThan(long.join("").length / 2);
  });

  it("is read by other programs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-zip-"));
    try {
      const file = join(folder, "a.zip");
      writeFileSync(file, await archiveOf(those({ name: "a.txt", content: ["hello"] }, { name: "long.csv", content: long })));
      const python = spawnSync("python3", [
        "-c",
        "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(','.join(z.namelist()))",
        file,
      ]);
      // Where there is no Python, the reader of the test before has to do.
      if (python.error === undefined) expect([python.stdout.toString().trim(), python.status]).toEqual(["a.txt,long.csv", 0]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("ends with the failure of its content and has no end then", async () => {
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for await (const part of zip(those({ name: "a", content: failing() }))) parts.push(part);
    })();
    await expect(reading).rejects.toThrow("gone");
    expect(() => unzip(Buffer.concat(parts))).toThrow("cut off");
  });
});

async function* failing(): AsyncGenerator<string> {
  yield "a";
  throw new Error("gone");
}
