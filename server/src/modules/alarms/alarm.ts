import { alarmErrors } from "@roost/contract/alarms";
import type { AlarmState } from "@roost/contract/alarms";

/**
 * What an alarm becomes when a person acknowledges it.
 *
 * Acknowledging twice is not an error: two people may press at once.
 *
 * @throws {AppError} `alarms.already_cleared`
 */
export function acknowledge(state: AlarmState): AlarmState {
  if (state === "cleared") throw alarmErrors.already_cleared();
  return "acknowledged";
}
