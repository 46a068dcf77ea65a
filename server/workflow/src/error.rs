//! How a step tells that it did not succeed, and how that becomes a stored failure.
//!
//! Codes are stable and translated by the portal; messages are English sentences for people. Neither may hold a secret:
//! both are written to the log as they are.

use std::collections::BTreeMap;

use crate::record::FailureRecord;

/// Codes that the engine itself gives.
pub mod codes {
    /// No registered plan has the operation's name, version and steps.
    pub const VERSION_UNKNOWN: &str = "operation.version-unknown";
    /// The stored parameters do not fit the operation's type.
    pub const PARAMS_UNREADABLE: &str = "operation.params-unreadable";
    /// A step panicked: a programming error.
    pub const PANICKED: &str = "step.panicked";
    /// An attempt took longer than the step's time-out.
    pub const TIMED_OUT: &str = "step.timed-out";
    /// Too many attempts ended with the death of their replica.
    pub const INTERRUPTED: &str = "step.interrupted";
    /// A step asked for an output that no earlier step left.
    pub const OUTPUT_MISSING: &str = "step.output-missing";
    /// A stored output does not fit the type asked for, or an output cannot be stored.
    pub const OUTPUT_UNREADABLE: &str = "step.output-unreadable";
}

/// Lines of evidence kept with a failure.
const EVIDENCE_LINES_MAX: usize = 200;
/// Bytes kept of a message, a value or a line.
pub(crate) const TEXT_BYTES_MAX: usize = 4_096;

/// Why a step or an undo did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// May succeed later: the engine waits and tries again, up to the step's limit.
    #[error("{message} ({code}, will be tried again)")]
    Retry {
        /// Stable code.
        code: String,
        /// One sentence for a person.
        message: String,
        /// What the translated sentence names, by place-holder.
        values: BTreeMap<String, String>,
        /// Lines that show the cause.
        evidence: Vec<String>,
        /// When to try again, instead of the engine's back-off; capped like it.
        after_ms: Option<u64>,
    },
    /// Will not succeed by itself: a person chooses resume or undo.
    #[error("{message} ({code})")]
    Stop {
        /// Stable code.
        code: String,
        /// One sentence for a person.
        message: String,
        /// What the translated sentence names, by place-holder.
        values: BTreeMap<String, String>,
        /// Lines that show the cause, for example the last 50 of a node's output.
        evidence: Vec<String>,
    },
}

impl StepError {
    /// An error that another attempt may cure.
    pub fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Retry {
            code: code.into(),
            message: message.into(),
            values: BTreeMap::new(),
            evidence: Vec::new(),
            after_ms: None,
        }
    }

    /// An error that needs a person.
    pub fn stop(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Stop {
            code: code.into(),
            message: message.into(),
            values: BTreeMap::new(),
            evidence: Vec::new(),
        }
    }

    /// Adds what the translated sentence names.
    #[must_use]
    pub fn with_values(mut self, named: BTreeMap<String, String>) -> Self {
        match &mut self {
            Self::Retry { values, .. } | Self::Stop { values, .. } => *values = named,
        }
        self
    }

    /// Adds lines that show the cause.
    #[must_use]
    pub fn with_evidence(mut self, lines: Vec<String>) -> Self {
        match &mut self {
            Self::Retry { evidence, .. } | Self::Stop { evidence, .. } => *evidence = lines,
        }
        self
    }

    /// Says when to try again; without effect on a stop.
    #[must_use]
    pub fn with_retry_after(mut self, wait_ms: u64) -> Self {
        if let Self::Retry { after_ms, .. } = &mut self {
            *after_ms = Some(wait_ms);
        }
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Retry { code, .. } | Self::Stop { code, .. } => code,
        }
    }

    /// The stored form, with every text bounded.
    pub(crate) fn into_failure(self, step: &str, attempts: u32) -> FailureRecord {
        let (Self::Retry { code, message, values, evidence, .. }
        | Self::Stop { code, message, values, evidence }) = self;
        let surplus = evidence.len().saturating_sub(EVIDENCE_LINES_MAX);
        FailureRecord {
            code,
            message: bounded(message),
            values: values.into_iter().map(|(name, value)| (name, bounded(value))).collect(),
            // The last lines tell most.
            evidence: evidence.into_iter().skip(surplus).map(bounded).collect(),
            step: Some(step.to_owned()),
            attempts,
        }
    }
}

/// Cuts a text to the number of bytes that the log keeps, at a character's edge.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_bounded_and_keep_the_last_lines() {
        let lines = (0..300).map(|line| format!("line {line}")).collect();
        let error = StepError::stop("node.dead", "é".repeat(4_000)).with_evidence(lines);
        let error = error.with_values([("node".to_owned(), "é".repeat(4_000))].into());
        let failure = error.into_failure("start-nodes", 3);
        assert_eq!((failure.message.len(), failure.values["node"].len()), (TEXT_BYTES_MAX, TEXT_BYTES_MAX));
        assert_eq!(failure.evidence.len(), EVIDENCE_LINES_MAX);
        assert_eq!(failure.evidence.last().map(String::as_str), Some("line 299"));
        assert_eq!((failure.step.as_deref(), failure.attempts), (Some("start-nodes"), 3));
    }

    #[test]
    fn only_a_retry_takes_a_wait() {
        assert!(matches!(
            StepError::retry("a", "b").with_retry_after(7),
            StepError::Retry { after_ms: Some(7), .. }
        ));
        assert_eq!(StepError::stop("a", "b").with_retry_after(7), StepError::stop("a", "b"));
    }
}
