import type { IntakeGate } from "../intake.ts";

/** Something with work for the end of the event loop's turn. */
export interface TickWork {
  onTick(): void;
}

/** Runs what many connections collected during one turn of the event loop, once: one timer for all, none per message. */
export class Tick {
  #waiting: TickWork[] = [];
  readonly #run = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) work.onTick();
  };

  /** The caller keeps itself from asking twice. */
  schedule(work: TickWork): void {
    if (this.#waiting.push(work) === 1) setImmediate(this.#run);
  }
}

/** Something that stopped reading because too much is waiting for its commit. */
export interface GateWaiter {
  gateOpened(): void;
}

/** Lets connections wait for the intake gate with one callback for all of them. */
export class GateQueue {
  readonly #gate: IntakeGate;
  #waiting: GateWaiter[] = [];
  readonly #open = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.gateOpened();
  };

  constructor(gate: IntakeGate) {
    this.#gate = gate;
  }

  get isClosed(): boolean {
    return this.#gate.closed;
  }

  wait(waiter: GateWaiter): void {
    if (this.#waiting.push(waiter) === 1) this.#gate.whenOpen(this.#open);
  }
}
