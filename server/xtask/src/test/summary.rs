//! Reads what test runners say at the end. Nothing is counted that no runner reported.

use std::collections::BTreeSet;

/// The sum of several runs, with the closing lines as they were written.
#[derive(Debug, Default)]
pub struct Summary {
    pub passed: u64,
    pub failed: u64,
    pub lines: Vec<String>,
    /// Why tests that are counted as passed did not run.
    pub skipped: BTreeSet<String>,
}

impl Summary {
    /// Adds the output of `cargo test`: one line `test result: …` per test program.
    pub fn add_cargo(&mut self, output: &str) {
        // A test that could not run says so past the runner, possibly in the middle of the runner's own line.
        for reason in output.lines().filter_map(|line| line.split_once("skipped: ")) {
            self.skipped.insert(reason.1.to_owned());
        }
        for line in output.lines().filter(|line| line.starts_with("test result: ")) {
            self.passed += number_before(line, "passed").unwrap_or(0);
            self.failed += number_before(line, "failed").unwrap_or(0);
            // Test programs without any test say nothing worth repeating.
            if !line.contains(" 0 passed; 0 failed; 0 ignored;") {
                self.lines.push(line.to_owned());
            }
        }
    }

    /// Adds the output of `go test -v`: single tests, and one closing line per package.
    pub fn add_go(&mut self, output: &str) {
        for line in output.lines() {
            match line.split_whitespace().next() {
                Some("---") if line.starts_with("--- PASS") => self.passed += 1,
                Some("---") if line.starts_with("--- FAIL") => self.failed += 1,
                Some("ok" | "FAIL") if line.contains('\t') => self.lines.push(line.to_owned()),
                _ => {}
            }
        }
    }

    /// Adds the output of Playwright's list reporter: its last block counts by outcome.
    pub fn add_playwright(&mut self, output: &str) {
        let outcomes = ["passed", "flaky", "failed", "interrupted", "did not run", "skipped"];
        for line in output.lines().filter(|line| line.starts_with("  ")) {
            let Some((count, outcome)) = line.trim().split_once(' ') else { continue };
            let (Ok(count), true) =
                (count.parse::<u64>(), outcomes.iter().any(|word| outcome.starts_with(word)))
            else {
                continue;
            };
            match outcome {
                "failed" | "interrupted" | "did not run" => self.failed += count,
                "skipped" => {}
                // A flaky test passed in the end; the closing line says that it was flaky.
                _ => self.passed += count,
            }
            self.lines.push(line.to_owned());
        }
    }
}

/// The number in front of a word: 12 in `… 12 passed; …`.
fn number_before(line: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> =
        line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|found| *found == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_add_up() {
        let mut summary = Summary::default();
        summary.add_cargo(
            "test a ... skipped: no image of 3.1\ntest a ... ok\nskipped: no image of 3.1\n\
             test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.50s\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!((summary.passed, summary.failed, summary.lines.len()), (15, 2, 2));
        assert!(summary.skipped.iter().eq(["no image of 3.1"]));
    }

    #[test]
    fn playwright_results_add_up() {
        let mut summary = Summary::default();
        summary.add_playwright(
            "Running 9 tests using 1 worker\n\n  ok 1 [chromium] › a.spec.ts:3:1 › 3 passed nodes (1.2s)\n  \
             2 failed\n    [chromium] › b.spec.ts:4:1 › b ───\n  1 flaky\n  1 skipped\n  1 did not run\n  5 passed (30.1s)\n",
        );
        assert_eq!((summary.passed, summary.failed, summary.lines.len()), (6, 3, 5));
    }

    #[test]
    fn go_results_add_up() {
        let mut summary = Summary::default();
        summary.add_go("=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\nFAIL\texample/a\t0.01s\n");
        assert_eq!((summary.passed, summary.failed), (1, 1));
        assert_eq!(summary.lines, ["FAIL\texample/a\t0.01s"]);
    }

    #[test]
    fn silence_counts_nothing() {
        let mut summary = Summary::default();
        summary.add_cargo("error: could not compile\n");
        summary.add_playwright("Error: no tests found\n");
        assert_eq!((summary.passed, summary.failed, summary.lines.len()), (0, 0, 0));
    }
}
