import { z } from "zod";

/** Why a model was not asked about a plant: nothing was paid. */
export const abstainReasons = {
  no_node: "No node stands at this plant, so there is nothing to rest a plan on. Assign a node.",
  no_readings: "The plant's nodes have not sent any reading yet.",
  readings_old: "The newest reading is older than a day. A plan is written once fresh readings arrive.",
} as const;

/** Why a plan has to wait. */
export const waitReasons = {
  no_model: "No model is set up. Choose a provider and enter a key in the garden's settings; everything else works without.",
  key_unreadable: "The saved key cannot be opened. If the secret store is well, enter the key again in the garden's settings.",
  bad_key: "The provider does not accept the key. Enter another one in the garden's settings.",
  price_unknown: "The price of this model is not known, so the monthly cap could not be kept. Enter its price; 0 for a model of your own.",
  cap_reached: "The month's cap does not allow another call. Plans go on next month, or when the cap is raised.",
  switched_off: "Plans by a model are switched off in the garden's settings. Rules go on advising.",
} as const;

/** Why a call to a provider failed. */
export const callReasons = {
  rate_limited: "The provider asks to wait. It is tried again later.",
  provider_down: "The provider has a fault of its own. It is tried again later.",
  too_slow: "The provider did not answer in time.",
  unreachable: "The provider cannot be reached from here. Look after the address and the way there.",
  address_refused:
    "The address is a private one that this installation does not allow. An administrator adds it to ROOST_EGRESS_ALLOW to use a model of your own.",
  bad_certificate: "The provider's certificate was refused.",
  bad_request: "The provider does not take the request. Look after the name of the model and the address.",
  no_credit: "The provider says that there is no credit left, or that the key may not use this model.",
  internal: "Something went wrong inside Roost. It is tried again later; the log says more.",
  unreadable: "The provider's answer was not of the form it should have, or too long.",
} as const;

/** Why an answer of a model was refused; the previous plan stays. */
export const refusalReasons = {
  truncated: "The model's answer was cut off before its end.",
  declined: "The model declined to answer.",
  empty: "The model answered nothing.",
  not_json: "The model's answer was no JSON.",
  wrong_shape: "The model's answer did not have the shape of a plan.",
  too_long: "The model's answer held texts that are too long.",
  markup: "The model's answer held markup, links or hidden characters.",
  commands: "The model's answer held commands for a computer.",
  unknown_citation: "The model cited a reading that it was not given.",
  uncited: "The model claimed something about a reading without citing it.",
  wrong_value: "The model gave a value that is not the one measured.",
  wrong_unit: "The model gave a value in a unit that it was not measured in.",
  bad_date: "The model's next date lies in the past, too far ahead, or is none.",
  contradiction_ignored: "The plant's nodes contradict each other, and the model's answer kept silent about it.",
} as const;

export const careReasons = { ...abstainReasons, ...waitReasons, ...callReasons, ...refusalReasons };

export type AbstainReason = keyof typeof abstainReasons;
export type WaitReason = keyof typeof waitReasons;
export type CallReason = keyof typeof callReasons;
export type RefusalReason = keyof typeof refusalReasons;

/** Every reason why there is no new plan; the words for each stand in {@link careReasons}. */
export const careReason = z.enum(Object.keys(careReasons) as [CareReason, ...CareReason[]]);
export type CareReason = keyof typeof careReasons;
