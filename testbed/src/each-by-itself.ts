import type { NotificationSettings } from "@roost/contract/routing";

/** Every alarm is told by itself and at once: for stories about something else than how many words are made of many. */
export const eachByItself: NotificationSettings = {
  debounceSeconds: 0,
  cooldownMinutes: 0,
  parentWaitSeconds: 0,
  lateAfterSeconds: 86_400,
  ringForPast: true,
};
