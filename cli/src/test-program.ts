import { Readable, Writable } from "node:stream";

import { runProgram } from "./program.ts";

/** What a command line ended with. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this very process, as `main.ts` would, and answers what it wrote. */
export async function runHere(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { input }: { readonly input?: string } = {},
): Promise<Ran> {
  const written = { out: "", err: "" };
  const into = (name: "out" | "err") =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written[name] += chunk.toString();
        done();
      },
    });
  const code = await runProgram(args, {
    env,
    stdin: input === undefined ? process.stdin : (Readable.from([input]) as unknown as NodeJS.ReadStream),
    stdout: into("out"),
    stderr: into("err"),
    fetch,
    nowMs: () => Date.now(),
    signal: new AbortController().signal,
  });
  return { code, ...written };
}
