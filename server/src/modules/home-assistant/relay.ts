import type { Log } from "../../platform/log.ts";

export interface RelayDeps {
  /** Says it to every server; one that is not connected says nothing. */
  readonly say: (text: string) => Promise<void>;
  readonly log: Log;
}

/** A notice of PostgreSQL holds less than 8,000 bytes; of more devices the rest is told the next time. */
const mostAtOnce = 500;

/**
 * Devices whose values this server committed and whose bridge another one holds: that one is told which, and reads the values itself. What is
 * lost on the way is told with the device's next value.
 */
export function createRelay({ say, log }: RelayDeps) {
  const touched = new Set<number>();
  return {
    /** Cheap: ingest calls it. */
    touched: (deviceKey: number): void => void touched.add(deviceKey),
    async tell(): Promise<void> {
      if (touched.size === 0) return;
      const keys = [...touched].slice(0, mostAtOnce);
      for (const key of keys) touched.delete(key);
      await say(keys.join(",")).catch((error: unknown) => log.debug({ err: error }, "the server that holds a bridge could not be told"));
    },
    /** Whatever else was said on the channel is no key. */
    read: (text: string | undefined): number[] =>
      (text ?? "")
        .split(",")
        .filter((part) => /^\d{1,10}$/.test(part))
        .map(Number),
  };
}
