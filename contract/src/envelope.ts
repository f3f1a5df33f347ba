import { z } from "zod";

const text = z
  .string()
  .max(256)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u);

/** What `devices/{id}/heartbeat` carries. Unknown keys are kept out. */
export const heartbeat = z.object({
  timestamp: z.union([z.string(), z.number()]).optional(),
  /** Seconds since the device started. */
  uptime: z.number().nonnegative().optional(),
  /** Signal strength in dBm. */
  rssi: z.number().optional(),
  /** Seconds to the next heartbeat, where the device keeps a pace of its own. */
  interval: z.number().min(1).max(86_400).optional(),
});
export type Heartbeat = z.output<typeof heartbeat>;

/** What `devices/{id}/status` carries, retained; the last will says `offline`. A bare `online` or `offline` is read as well. */
export const status = z.object({
  state: z.enum(["online", "offline"]),
  firmware_version: text.optional(),
});
export type Status = z.output<typeof status>;

/** What `devices/{id}/event` carries. */
export const deviceEvent = z.object({
  type: z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/),
  timestamp: z.union([z.string(), z.number()]).optional(),
  data: z.record(z.string(), z.unknown()).default({}),
});
export type DeviceEvent = z.output<typeof deviceEvent>;
