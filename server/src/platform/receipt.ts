declare const receiptBrand: unique symbol;

/**
 * Proof that something was committed durably. Only code that saw a COMMIT succeed makes one, and the one function
 * that emits a PUBACK or PUBREC asks for it: acknowledged is stored.
 */
export interface CommitReceipt {
  readonly [receiptBrand]: true;
  /** Epoch milliseconds. */
  readonly committedAtMs: number;
}

/** Makes a receipt; call it in the line after the commit's success and nowhere else. */
export function receiptOfCommit(committedAtMs: number): CommitReceipt {
  return { committedAtMs } as CommitReceipt;
}
