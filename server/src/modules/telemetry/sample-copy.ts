import type pg from "pg";

/** The parts of `pg`'s connection that a submitted query may use; its types leave them out. */
interface WireConnection {
  query(text: string): void;
  readonly stream: { write(bytes: Uint8Array): boolean; cork(): void; uncork(): void };
}

/** Reads a command's tag: `COMMIT`, or `ROLLBACK` where the server gave up the transaction before. */
interface CommandComplete {
  readonly text: string;
}

/**
 * Statements that end with a COPY of bytes already in the server's form, in one round trip: what follows the COPY is sent
 * before the answer is awaited. Where a statement fails the server passes over the data that follow.
 */
class CopyInQuery {
  readonly #text: string;
  readonly #bytes: Uint8Array;
  readonly #resolve: (tags: string[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #tags: string[] = [];
  #failure: Error | undefined;

  constructor(work: { text: string; bytes: Uint8Array; resolve: (tags: string[]) => void; reject: (error: Error) => void }) {
    this.#text = work.text;
    this.#bytes = work.bytes;
    this.#resolve = work.resolve;
    this.#reject = work.reject;
  }

  submit(connection: WireConnection): Error | undefined {
    const { stream } = connection;
    stream.cork();
    connection.query(this.#text);
    stream.write(this.#bytes);
    stream.uncork();
    return undefined;
  }

  handleCopyInResponse(): void {
    // The data are on their way already.
  }
  handleRowDescription(): void {
    // No row of these statements is wanted.
  }
  handleDataRow(): void {
    // Nor is this.
  }
  handleEmptyQuery(): void {
    // Never sent.
  }
  handlePortalSuspended(): void {
    // Not with simple queries.
  }
  handleCommandComplete(message: CommandComplete): void {
    this.#tags.push(message.text);
  }
  handleError(error: Error): void {
    this.#failure = error;
    this.#reject(error);
  }
  handleReadyForQuery(): void {
    if (this.#failure === undefined) this.#resolve(this.#tags);
  }
}

/** Runs statements of which the last is `copy … from stdin (format binary)`, with its data; answers the commands' tags. */
export function copyIn(client: pg.Client, text: string, bytes: Uint8Array): Promise<string[]> {
  return new Promise((resolve, reject) => {
    client.query(new CopyInQuery({ text, bytes, resolve, reject }) as unknown as pg.Submittable);
  });
}
