const key = Symbol("acknowledgement");

/**
 * Proof that the server took records for good: it sent PUBACK for the message that carried them, which Roost does after its commit.
 * Deleting from the spool takes one, so that no other path can.
 */
export class Acknowledgement {
  readonly recordIds: readonly number[];

  constructor(made: symbol, recordIds: readonly number[]) {
    if (made !== key) throw new TypeError("Acknowledgements are made when a PUBACK comes in.");
    this.recordIds = recordIds;
  }
}

/** Makes the proof; called where a PUBACK without an error has come in, and in tests. */
export function acknowledged(recordIds: readonly number[]): Acknowledgement {
  return new Acknowledgement(key, recordIds);
}
