import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** What a command may touch of the outside: handed in by `main.ts`, so that commands can be run without a terminal. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  /** Aborts at Ctrl-C or SIGTERM: long commands end in good order. */
  readonly signal: AbortSignal;
}

/** Asks a question at the terminal; with `hidden` nothing typed is shown. */
export async function ask(terminal: Terminal, question: string, { hidden = false } = {}): Promise<string> {
  terminal.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: terminal.stdin, output: hidden ? silent : terminal.stderr, terminal: terminal.stdin.isTTY });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => reject(new Error("Nothing was typed.")));
      lines.once("SIGINT", () => reject(new Error("Stopped.")));
    });
  } finally {
    lines.close();
    if (hidden) terminal.stderr.write("\n");
  }
}

/** All of standard input as one line, for `--password-stdin`. */
export async function readStdin(terminal: Terminal): Promise<string> {
  let text = "";
  for await (const chunk of terminal.stdin) text += String(chunk);
  return text.replace(/\r?\n$/, "");
}
