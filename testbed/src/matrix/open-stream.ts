import { request } from "node:http";

/** A stream of events that is open, and what came of it. */
export interface OpenStream {
  readonly status: number;
  readonly isOpen: () => boolean;
  readonly text: () => string;
  close(): void;
}

/** Opens a stream of events and keeps what comes; resolves with its head. */
export function openStream(url: string, path: string, headers: Readonly<Record<string, string>>): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { headers: { accept: "text/event-stream", ...headers }, agent: false }, (answer) => {
      let isOpen = answer.headers["content-type"]?.startsWith("text/event-stream") === true;
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => (text += part));
      answer.on("error", () => undefined);
      answer.once("close", () => (isOpen = false));
      resolve({ status: answer.statusCode ?? 0, isOpen: () => isOpen, text: () => text, close: () => asked.destroy() });
    });
    asked.once("error", reject);
    asked.end();
  });
}
