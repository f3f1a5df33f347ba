import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

const long = ["testbed/e2e/permission-matrix.e2e.ts", "testbed/e2e/hostile-text.e2e.ts", "testbed/e2e/kit-contract.e2e.ts"];

/** Files are begun by their size. These are short to read and take long: begun last, each would run with nothing beside it. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => long.some((name) => moduleId.endsWith(name));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
