import { deviceExpectations } from "./expect-devices.ts";
import { installationExpectations } from "./expect-installation.ts";
import { peopleExpectations } from "./expect-people.ts";
import type { Expectations } from "./expectation.ts";

/** A row for every operation there is; one without a row fails the run. */
export const expectations: Expectations = { ...peopleExpectations, ...deviceExpectations, ...installationExpectations };
