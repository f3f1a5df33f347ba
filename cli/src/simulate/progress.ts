import type { Terminal } from "../terminal.ts";

const quietMs = 10_000;

/** Shows how far a long command is: one moving line at a terminal, a line every ten seconds elsewhere. On standard error, always. */
export function createProgress({ stderr }: Pick<Terminal, "stderr">) {
  const moving = stderr.isTTY === true;
  let shownMs = Number.NEGATIVE_INFINITY;
  return {
    show(text: string): void {
      if (moving) stderr.write(`\r\u001B[K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
      else if (performance.now() - shownMs >= quietMs) {
        shownMs = performance.now();
        stderr.write(`${text}\n`);
      }
    },
    end(): void {
      if (moving) stderr.write("\r\u001B[K");
    },
  };
}
