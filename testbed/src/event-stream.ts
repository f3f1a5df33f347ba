/** One server-sent event. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/**
 * Reads a stream of server-sent events as a browser does; ends with the signal or the stream.
 *
 * @param onText - Called with whatever comes, an id alone too: then the server listens.
 */
export async function* readEvents(
  url: string,
  { onText, ...init }: { headers: Record<string, string>; signal: AbortSignal; onText?: () => void },
): AsyncGenerator<ServerSentEvent> {
  const answer = await fetch(url, { ...init, headers: { accept: "text/event-stream", ...init.headers } });
  if (answer.status !== 200 || answer.body === null) throw new Error(`The stream was answered ${answer.status}.`);
  let rest = "";
  try {
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      rest += chunk;
      onText?.();
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        const fields = new Map(
          rest
            .slice(0, end)
            .split("\n")
            .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()] as const),
        );
        rest = rest.slice(end + 2);
        const data = fields.get("data");
        if (data !== undefined) yield { id: fields.get("id"), event: fields.get("event") ?? "message", data };
      }
    }
  } catch (error) {
    if (!init.signal.aborted) throw error;
  }
}

/** Waits for the first event that fits. */
export async function firstEvent(
  events: AsyncIterable<ServerSentEvent>,
  fits: (event: ServerSentEvent) => boolean,
): Promise<ServerSentEvent> {
  for await (const event of events) if (fits(event)) return event;
  throw new Error("The stream ended before the event came.");
}
