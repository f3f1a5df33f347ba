import type { Flag } from "@roost/contract/flags";
import type { addRolloutPlan } from "@roost/contract/rollout-plans";
import type { z } from "zod";

export type PlanInput = z.input<NonNullable<(typeof addRolloutPlan)["body"]>>;
type GateInput = NonNullable<PlanInput["steps"][number]["gates"]>[number];

/** What a person chooses of a plan that brings a value to more and more devices. */
export interface Ramp {
  readonly flag: Pick<Flag, "key" | "setting">;
  /** Which of the flag's variants is brought in. */
  readonly variant: string;
  /** Of the devices, growing. */
  readonly percents: readonly number[];
  readonly waitSeconds: number;
  readonly watched: readonly Watched[];
  readonly rollBackOnFailure: boolean;
  /** Before everybody gets it. */
  readonly asks: boolean;
}

export const watchedWords = {
  readiness: "No readiness check is red",
  alarms: "No new critical alarm",
  errors: "At most 2 % of answers are 5xx",
} as const;
export type Watched = keyof typeof watchedWords;

const gates: Readonly<Record<Watched, GateInput>> = {
  readiness: { kind: "readiness" },
  alarms: { kind: "alarms", severity: "critical" },
  errors: { kind: "metric", metric: "roost_http_requests_total", labels: { status: "5*" }, reading: "share", windowSeconds: 300, above: 2 },
};

/** Reads shares such as `1, 10, 50, 100`: growing, above 0, at most 100; `undefined` where they are not. */
export function readPercents(text: string): number[] | undefined {
  const percents = text
    .split(/[\s,;%]+/)
    .filter((one) => one !== "")
    .map(Number);
  const fits = percents.every((one, index) => one > (percents[index - 1] ?? 0) && one <= 100);
  return percents.length > 0 && percents.length <= 20 && fits ? percents : undefined;
}

/** What those get who are not in the share yet: what all get now, where that is another value. */
function othersOf({ flag: { setting }, variant }: Pick<Ramp, "flag" | "variant">): string {
  const now = "variant" in setting.serve ? setting.serve.variant : undefined;
  if (now !== undefined && now !== variant) return now;
  return setting.offVariant !== variant ? setting.offVariant : (Object.keys(setting.variants).find((name) => name !== variant) ?? variant);
}

/** Makes the plan: a step for each share, with the same wait and gates. */
export function rampPlan(ramp: Ramp): PlanInput {
  const { flag, variant, percents, waitSeconds, watched, rollBackOnFailure, asks } = ramp;
  const others = othersOf(ramp);
  return {
    name: `${flag.key} to ${percents.at(-1) ?? 0} %`,
    about: `Brings “${variant}” to ${percents.join(", ")} % of the devices.`,
    rollBackOnFailure,
    steps: percents.map((percent, index) => ({
      name: percent === 100 ? "Everybody" : `${percent} % of the devices`,
      changes: [
        {
          flag: flag.key,
          enabled: true,
          serve:
            percent === 100
              ? { variant }
              : {
                  split: [
                    { variant, percent },
                    { variant: others, percent: 100 - percent },
                  ],
                },
        },
      ],
      waitSeconds,
      gates: watched.map((one) => gates[one]),
      asks: asks && percents[index + 1] === 100,
    })),
  };
}
