import type { Exceeded, MqttLimits } from "./limits.ts";

interface AddressCount {
  unauthenticated: number;
  signedIn: number;
}

/** Counts connections, by address too, and says who may come in: decided before anything is spent on a stranger. */
export class Census {
  readonly #limits: MqttLimits;
  readonly #exceeded: Exceeded;
  readonly #addresses = new Map<string, AddressCount>();
  #unauthenticated = 0;
  #signedIn = 0;
  #tokens: number;
  #filledAtMs = 0;

  constructor(limits: MqttLimits, exceeded: Exceeded) {
    this.#limits = limits;
    this.#exceeded = exceeded;
    this.#tokens = limits.connectsPerSecond * 2;
  }

  get unauthenticated(): number {
    return this.#unauthenticated;
  }

  get signedIn(): number {
    return this.#signedIn;
  }

  /** Counts a new connection in, unless there are too many: then it is to be closed at once. */
  enter(address: string): boolean {
    const limits = this.#limits;
    const count = this.#addresses.get(address);
    const met =
      this.#unauthenticated + this.#signedIn >= limits.connections
        ? "connections"
        : this.#unauthenticated >= limits.unauthenticated
          ? "unauthenticated"
          : (count?.unauthenticated ?? 0) >= limits.unauthenticatedPerAddress
            ? "unauthenticatedPerAddress"
            : undefined;
    if (met !== undefined) {
      this.#exceeded[met] += 1;
      return false;
    }
    this.#unauthenticated += 1;
    if (count === undefined) this.#addresses.set(address, { unauthenticated: 1, signedIn: 0 });
    else count.unauthenticated += 1;
    return true;
  }

  /** Moves a connection to the signed-in ones. @returns false where its address has too many of them. */
  signIn(address: string): boolean {
    const count = this.#addresses.get(address);
    if (count === undefined) return false;
    if (count.signedIn >= this.#limits.connectionsPerAddress) {
      this.#exceeded.connectionsPerAddress += 1;
      return false;
    }
    count.unauthenticated -= 1;
    count.signedIn += 1;
    this.#unauthenticated -= 1;
    this.#signedIn += 1;
    return true;
  }

  leave(address: string, wasSignedIn: boolean): void {
    const count = this.#addresses.get(address);
    if (count === undefined) return;
    if (wasSignedIn) {
      count.signedIn -= 1;
      this.#signedIn -= 1;
    } else {
      count.unauthenticated -= 1;
      this.#unauthenticated -= 1;
    }
    if (count.signedIn + count.unauthenticated === 0) this.#addresses.delete(address);
  }

  /** Takes one CONNECT from the allowance of this second. */
  mayConnect(nowMs: number): boolean {
    const rate = this.#limits.connectsPerSecond;
    this.#tokens = Math.min(rate * 2, this.#tokens + ((nowMs - this.#filledAtMs) / 1_000) * rate);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) {
      this.#exceeded.connectsPerSecond += 1;
      return false;
    }
    this.#tokens -= 1;
    return true;
  }
}
