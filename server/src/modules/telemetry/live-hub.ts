import type { CommittedMessage } from "./series.ts";

/** A listener of one device's committed messages. It must not throw and must not wait. */
export type LiveListener = (message: CommittedMessage) => void;

/** Hands committed messages to those who watch the device just now. Free for devices nobody watches. */
export function createLiveHub() {
  const byDevice = new Map<number, Set<LiveListener>>();
  const everywhere = new Set<(messages: readonly CommittedMessage[]) => void>();
  return {
    /** Call after the commit. */
    publish(messages: readonly CommittedMessage[]): void {
      for (const listener of everywhere) listener(messages);
      if (byDevice.size === 0) return;
      for (const message of messages) {
        const listeners = byDevice.get(message.deviceKey);
        if (listeners === undefined) continue;
        for (const listener of listeners) listener(message);
      }
    },
    /** @returns What ends the listening. */
    listen(deviceKey: number, listener: LiveListener): () => void {
      let listeners = byDevice.get(deviceKey);
      if (listeners === undefined) byDevice.set(deviceKey, (listeners = new Set()));
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && byDevice.get(deviceKey) === listeners) byDevice.delete(deviceKey);
      };
    },
    /** Hears of all devices, of each the newest values at least. @returns What ends the listening. */
    listenAll(listener: (messages: readonly CommittedMessage[]) => void): () => void {
      everywhere.add(listener);
      return () => void everywhere.delete(listener);
    },
    /** Says whether somebody watches the device now. */
    isWatched: (deviceKey: number): boolean => byDevice.has(deviceKey),
    /** Devices that are watched now. */
    watched: (): number => byDevice.size,
  };
}

export type LiveHub = ReturnType<typeof createLiveHub>;
