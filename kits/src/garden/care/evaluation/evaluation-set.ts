import { answerCases, failureCases } from "./answers.ts";
import type { EvaluationCase } from "./case.ts";
import { dataCases, groundedCases } from "./grounded.ts";
import { hostileCases } from "./hostile.ts";

/** Every case the care advisor is judged by. */
export const evaluationSet: readonly EvaluationCase[] = [...groundedCases, ...dataCases, ...hostileCases, ...answerCases, ...failureCases];
