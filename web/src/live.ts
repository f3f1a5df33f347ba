import { factNotice } from "@roost/contract/system";
import { type LiveSample, liveSample } from "@roost/contract/telemetry";
import { z } from "zod";

/** `live`: facts arrive as they happen. `reconnecting`: what is on screen may be old. `paused`: the tab is hidden. */
export type LiveState = "connecting" | "live" | "reconnecting" | "paused";

export interface LiveOptions {
  readonly open: (url: string) => EventSource;
  readonly page: Pick<Document, "hidden" | "addEventListener" | "removeEventListener">;
  /** A fact about this noun became true. */
  readonly onFact: (noun: string, nounId: string) => void;
  /** The stream is back after a cut: facts may have been missed. */
  readonly onResume: () => void;
  /** The server refused the stream: the session may have ended. */
  readonly onRefused: () => void;
}

const samplesShape = z.array(liveSample);
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

/**
 * The streams from the server: one of facts, and one of samples per device on screen.
 *
 * A hidden tab holds no stream, since a browser grants a site only six connections over HTTP/1.1; it catches up when it is shown.
 */
export function createLive({ open, page, onFact, onResume, onRefused }: LiveOptions) {
  const listeners = new Set<() => void>();
  const streams = new Set<Stream>();
  let state: LiveState = "connecting";

  const setState = (next: LiveState) => {
    if (state === next) return;
    state = next;
    for (const listener of listeners) listener();
  };

  const facts = createStream({
    open,
    url: "/api/v1/facts/stream",
    event: "fact",
    onData: (text) => {
      const fact = factNotice.safeParse(readJson(text));
      if (fact.success) onFact(fact.data.noun, fact.data.nounId);
    },
    onOpen: (again) => {
      setState("live");
      if (again) onResume();
    },
    onCut: () => setState("reconnecting"),
    onRefused,
  });

  const follow = (stream: Stream) => {
    streams.add(stream);
    if (!page.hidden) stream.start();
  };
  const onVisibility = () => {
    if (page.hidden) {
      for (const stream of streams) stream.stop();
      setState("paused");
    } else {
      setState("reconnecting");
      for (const stream of streams) stream.start();
    }
  };

  return {
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    state: (): LiveState => state,
    start(): void {
      page.addEventListener("visibilitychange", onVisibility);
      follow(facts);
    },
    stop(): void {
      page.removeEventListener("visibilitychange", onVisibility);
      for (const stream of streams) stream.stop();
      streams.clear();
      setState("connecting");
    },
    /** Hears a device's samples as they are stored, until the answered function is called. */
    samples(deviceId: string, onSamples: (samples: readonly LiveSample[]) => void): () => void {
      const stream = createStream({
        open,
        url: `/api/v1/devices/${encodeURIComponent(deviceId)}/telemetry/stream`,
        event: "samples",
        onData: (text) => {
          const samples = samplesShape.safeParse(readJson(text));
          if (samples.success) onSamples(samples.data);
        },
        onOpen: () => undefined,
        onCut: () => undefined,
        onRefused: () => undefined,
      });
      follow(stream);
      return () => {
        stream.stop();
        streams.delete(stream);
      };
    },
  };
}

export type Live = ReturnType<typeof createLive>;

interface Stream {
  start(): void;
  stop(): void;
}

interface StreamOptions {
  readonly open: (url: string) => EventSource;
  readonly url: string;
  readonly event: string;
  readonly onData: (text: string) => void;
  readonly onOpen: (again: boolean) => void;
  readonly onCut: () => void;
  readonly onRefused: () => void;
}

/** What a line carries; `undefined` for what is no JSON, which a proxy in between may send. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One event source that comes back by itself: the browser's own retry while the network is away, ours when the server refused. */
function createStream({ open, url, event, onData, onOpen, onCut, onRefused }: StreamOptions): Stream {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let retryMs = firstRetryMs;
  let opened = false;

  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const start = () => {
    if (source !== undefined) return;
    const current = open(url);
    source = current;
    current.addEventListener(event, (message) => onData(String(message.data)));
    current.addEventListener("open", () => {
      retryMs = firstRetryMs;
      onOpen(opened);
      opened = true;
    });
    current.addEventListener("error", () => {
      onCut();
      if (current.readyState !== current.CLOSED) return;
      onRefused();
      stop();
      timer = setTimeout(start, retryMs);
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    });
  };
  return { start, stop };
}
