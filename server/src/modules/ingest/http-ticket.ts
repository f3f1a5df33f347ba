import type { Ticket } from "../../platform/intake.ts";
import type { CommitReceipt } from "../../platform/receipt.ts";

/** A request that waits for the commit of its readings. */
export class HttpTicket implements Ticket {
  reason = 0;
  readonly settled: Promise<CommitReceipt>;
  #resolve: (receipt: CommitReceipt) => void = () => undefined;

  constructor() {
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  settle(receipt: CommitReceipt): void {
    this.#resolve(receipt);
  }
}
