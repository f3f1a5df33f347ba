import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one plain line: `N passed, N failed, N skipped`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      let ownFailed = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "failed") ownFailed += 1;
        else counts.skipped += 1;
      }
      // A file that could not be loaded, or whose set-up failed, has failed, though it has no test to say so.
      counts.failed += ownFailed === 0 && module.state() === "failed" ? 1 : ownFailed;
    }
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  }
}
