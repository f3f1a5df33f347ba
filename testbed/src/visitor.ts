import { fork } from "node:child_process";
import { get } from "node:http";
import { fileURLToPath } from "node:url";

import { percentile } from "./ledger.ts";
import { pause } from "./waiting.ts";

/** What a visitor met. */
export interface Visit {
  readonly p50: number;
  readonly p99: number;
  readonly asked: number;
  /** Answers other than 200. */
  readonly faults: number;
}

/** Somebody who looks at a page again and again, in a process of their own: what else the test does holds them up no more than anybody. */
export function startVisitor(url: string, cookie: string): { stop(): Promise<Visit> } {
  const child = fork(fileURLToPath(import.meta.url), { env: { PATH: process.env["PATH"], VISIT_URL: url, VISIT_COOKIE: cookie } });
  return {
    stop: async () =>
      new Promise((resolve, reject) => {
        child.once("message", (visit) => resolve(visit as Visit));
        child.once("exit", (code) => reject(new Error(`The visitor ended with ${code}.`)));
        child.send("stop");
      }),
  };
}

async function visit(url: string, cookie: string): Promise<void> {
  const tookMs: number[] = [];
  let faults = 0;
  let stopped = false;
  process.once("message", () => (stopped = true));
  process.once("disconnect", () => process.exit(0));
  while (!stopped) {
    const startedMs = performance.now();
    const status = await new Promise<number>((resolve) => {
      get(url, { headers: { cookie } }, (answer) => {
        answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
      }).once("error", () => resolve(0));
    });
    tookMs.push(performance.now() - startedMs);
    if (status !== 200) faults += 1;
    await pause(20);
  }
  process.send?.({ p50: percentile(tookMs, 50) ?? 0, p99: percentile(tookMs, 99) ?? 0, asked: tookMs.length, faults } satisfies Visit, () =>
    process.exit(0),
  );
}

const url = process.env["VISIT_URL"];
if (url !== undefined && process.send !== undefined) await visit(url, process.env["VISIT_COOKIE"] ?? "");
