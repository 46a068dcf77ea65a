//! The engine's limits. Everything that could go on for ever has one here.

/// How an engine behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This replica's name, unique among living processes. A restarted process that uses its old name takes its
    /// operations back at once instead of waiting for its old leases to lapse.
    pub replica: String,
    /// How long a claim holds without renewal; renewed three times as often.
    pub lease_ms: i64,
    /// Wait after the first failed attempt; doubles with each further one.
    pub retry_first_ms: u64,
    /// Longest wait between two attempts.
    pub retry_cap_ms: u64,
    /// Attempts of a step, unless its plan says otherwise.
    pub attempts_max: u32,
    /// Attempts of a step that may end by the death of their replica.
    pub interruptions_max: u32,
    /// Time-out of an attempt, unless its plan says otherwise.
    pub step_timeout_ms: u64,
    /// Operations that this replica runs at the same time; others stay pending.
    pub concurrency: usize,
    /// How often to look for operations that nobody runs.
    pub recover_every_ms: u64,
    /// Lines of live log kept per attempt.
    pub notes_max: u32,
}

impl Settings {
    /// Usual limits for a replica of this name.
    pub fn new(replica: impl Into<String>) -> Self {
        Self {
            replica: replica.into(),
            lease_ms: 30_000,
            retry_first_ms: 500,
            retry_cap_ms: 30_000,
            attempts_max: 6,
            interruptions_max: 20,
            step_timeout_ms: 600_000,
            concurrency: 16,
            recover_every_ms: 5_000,
            notes_max: 2_000,
        }
    }

    /// Wait before the attempt that follows `failed` failed ones: doubling, capped. `asked_ms` is the step's own wish.
    pub(crate) fn retry_wait_ms(&self, failed: u32, asked_ms: Option<u64>) -> u64 {
        let doubled = 1_u64.checked_shl(failed.saturating_sub(1)).unwrap_or(u64::MAX);
        let wait_ms = asked_ms.unwrap_or_else(|| self.retry_first_ms.saturating_mul(doubled));
        wait_ms.min(self.retry_cap_ms)
    }

    /// Time between two renewals of a lease.
    pub(crate) fn renew_every_ms(&self) -> u64 {
        u64::try_from(self.lease_ms / 3).unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_cap() {
        let settings = Settings::new("one");
        let waits: Vec<_> = [1, 2, 3, 7, 64, 200].map(|failed| settings.retry_wait_ms(failed, None)).into();
        assert_eq!(waits, [500, 1_000, 2_000, 30_000, 30_000, 30_000]);
        assert_eq!(settings.retry_wait_ms(3, Some(70)), 70);
        assert_eq!(settings.retry_wait_ms(1, Some(90_000)), 30_000);
    }
}
