import { createServer, connect } from "node:net";
import type { Server, Socket } from "node:net";

/** A TCP proxy on loopback that can hurt what passes: cut, delay, swallow. */
export class FaultProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** Added to each chunk, each way. */
  latencyMs = 0;
  /** Swallows everything, both ways, without closing. */
  blackHole = false;
  /** Refuses new connections. */
  down = false;
  /** Of so many answers not a byte arrives: their connections are cut instead. */
  answersToLose = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(target: { host?: string; port: number } | { path: string }): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server);
    server.on("connection", (near) => proxy.#accept(near, target));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  #accept(near: Socket, target: { host?: string; port: number } | { path: string }): void {
    if (this.down) {
      near.destroy();
      return;
    }
    const far = "path" in target ? connect(target.path) : connect(target.port, target.host ?? "127.0.0.1");
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on("data", (chunk) => {
        if (this.blackHole) return;
        if (from === far && this.answersToLose > 0) {
          this.answersToLose -= 1;
          near.resetAndDestroy();
          return;
        }
        if (this.latencyMs === 0) to.write(chunk);
        else setTimeout(() => to.write(chunk), this.latencyMs);
      });
      from.on("error", end);
      from.on("close", end);
    }
  }

  /** Cuts every connection there is now. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      // A unix socket knows no reset.
      if (far.remoteAddress === undefined) far.destroy();
      else far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
