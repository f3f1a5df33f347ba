/** The bytes' way in and out: a TCP or TLS socket, or a WebSocket made to look like one. */
export interface Wire {
  readonly writableLength: number;
  write(data: Uint8Array): unknown;
  /** Sends what was written, then closes. */
  end(): unknown;
  destroy(): unknown;
  /** Calls back once, when all that was written has left. */
  once(event: "drain", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}
