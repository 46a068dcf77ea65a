//! What the person at the terminal reads: one line per thing, with the time since the start.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Starts the clock. To be called first thing.
pub fn begin() {
    LazyLock::force(&BEGIN);
}

/// A line about what happens next or what was found.
pub fn say(text: impl AsRef<str>) {
    println!("[{:>7}] {}", seconds(BEGIN.elapsed()), text.as_ref());
}

/// A header that separates the output of a stage from the one before.
pub fn header(text: &str) {
    println!("\n[{:>7}] ==== {text} ====", seconds(BEGIN.elapsed()));
}

/// Seconds for people: `4.2s`, `3m05s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        whole @ 0..60 => format!("{whole}.{}s", time.subsec_millis() / 100),
        whole => format!("{}m{:02}s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let check = |millis, expect: &str| assert_eq!(seconds(Duration::from_millis(millis)), expect);
        check(0, "0.0s");
        check(4_250, "4.2s");
        check(59_999, "59.9s");
        check(185_000, "3m05s");
    }
}
