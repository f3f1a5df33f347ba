import { Readable } from "node:stream";

const done = Symbol("done");

/**
 * Passes a stream's parts on until it ends or the signal aborts; then it ends in good order, so that the client sees an end and no break.
 *
 * @param first - Sent before the first part, so that headers leave at once although nothing has happened yet.
 */
export function streamUntil(body: AsyncIterable<string | Uint8Array>, signal: AbortSignal, first: string | undefined): Readable {
  async function* parts(): AsyncGenerator<string | Uint8Array> {
    const iterator = body[Symbol.asyncIterator]();
    let stop: () => void = () => undefined;
    const onAbort = () => stop();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (first !== undefined) yield first;
      for (;;) {
        if (signal.aborted) return;
        // One promise per part: racing against one long-lived promise would pile up a reaction on it for every part.
        const next = await new Promise<IteratorResult<string | Uint8Array> | typeof done>((resolve, reject) => {
          stop = () => resolve(done);
          iterator.next().then(resolve, reject);
        });
        if (next === done || next.done === true) return;
        yield next.value;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    }
  }
  return Readable.from(parts(), { objectMode: false, highWaterMark: 64 * 1024 });
}

/** A server-sent event. `data` is made JSON. */
export function sseEvent(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A line that browsers pass over; keeps proxies from closing a quiet stream and finds clients that are gone. */
export const sseKeepAlive = ": still here\n\n";
