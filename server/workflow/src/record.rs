//! The rows of the log: what is stored about an operation, its steps and its events.
//!
//! Plain serde structs, so that a store keeps them as it likes. They hold names, counters and messages for people; they
//! never hold a secret: parameters and outputs are written as they are, so operations put references there, not keys.
//! All times are unix milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// State of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// Recorded; no replica works on it yet.
    Pending,
    /// A replica runs its steps.
    Running,
    /// Between two attempts of a step, or handed over and waiting for a replica.
    Waiting,
    /// Its steps are being undone, last first.
    Undoing,
    /// Every step is done. Final.
    Done,
    /// Every step that had begun is undone. Final.
    Undone,
    /// Stopped on an error; a person chooses resume or undo. Keeps its subject locked.
    Failed,
}

impl OperationState {
    /// Every value, in the order of a usual life.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Running, Self::Waiting, Self::Undoing, Self::Done, Self::Undone, Self::Failed];

    /// The word that is stored and shown: the same as in the serialised form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored word; `None` for a word that this version does not know.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == word)
    }
}

impl std::fmt::Display for OperationState {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl OperationState {
    /// Whether an engine still has to work on it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Waiting | Self::Undoing)
    }

    /// Whether it ended for good: the write that stores such a state also frees the subject.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Undone)
    }
}

/// State of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// An attempt is under way, or was when its replica died.
    Running,
    /// The last attempt asked for another one later.
    Waiting,
    /// Finished; its output is stored.
    Done,
    /// Its undo is under way, or waits for its next attempt.
    Undoing,
    /// Undone.
    Undone,
    /// The step or its undo stopped on an error.
    Failed,
    /// Never begun before the operation was undone.
    Skipped,
}

impl StepState {
    /// Every value, in the order of a usual life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Done,
        Self::Undoing,
        Self::Undone,
        Self::Failed,
        Self::Skipped,
    ];

    /// The word that is stored and shown: the same as in the serialised form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Reads the stored word; `None` for a word that this version does not know.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == word)
    }
}

impl std::fmt::Display for StepState {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Which way the engine takes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Forward, to `done`.
    Run,
    /// Backward, to `undone`.
    Undo,
}

impl Wanted {
    /// Every value, in the order of a usual life.
    pub const ALL: [Self; 2] = [Self::Run, Self::Undo];

    /// The word that is stored and shown: the same as in the serialised form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Undo => "undo",
        }
    }

    /// Reads the stored word; `None` for a word that this version does not know.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == word)
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Why an operation or a step failed, for a person and for the translation table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// Stable code, such as `image.missing`; texts are translated by it.
    pub code: String,
    /// One sentence for a person, in English.
    pub message: String,
    /// What the translated sentence names, by place-holder: `image` → `fabric-peer:2.5`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// Lines that show the cause, for example the end of a node's output.
    pub evidence: Vec<String>,
    /// The step concerned; `None` when the operation could not even begin.
    pub step: Option<String>,
    /// Attempts made before giving up (0 when no step ran).
    pub attempts: u32,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// 32 hexadecimal digits that begin with the time of creation, so that ids sort by age.
    pub id: String,
    /// Name of the plan, such as `chain-create`.
    pub name: String,
    /// Version of the plan under which it was started.
    pub version: u32,
    /// Who started it.
    pub owner: String,
    /// What it locks, such as `chain:demo`; `None` locks nothing.
    pub subject: Option<String>,
    /// The starter's key against double submission; unique per owner.
    pub idempotency_key: Option<String>,
    /// The operation's parameters, without secrets.
    pub params: Value,
    /// Where it stands.
    pub state: OperationState,
    /// Raised by every claim and reopening; writes of a lower epoch are refused.
    pub epoch: u64,
    /// Until when `replica` alone may work on it; 0 when nobody holds it.
    pub lease_until_ms: i64,
    /// The replica that holds the lease.
    pub replica: Option<String>,
    /// When it was started.
    pub created_ms: i64,
    /// When its row last changed, lease renewals apart.
    pub updated_ms: i64,
    /// Why it failed, or why it is being undone if a cancelled step failed; cleared when it is opened again.
    pub error: Option<FailureRecord>,
    /// Somebody asked to cancel; the engine turns it into an undo.
    pub cancel_requested: bool,
    /// Forward or backward.
    pub wanted: Wanted,
    /// The operation that took over the subject of this failed one; then nothing can resume or undo this one.
    pub superseded_by: Option<String>,
}

/// One step of one operation. Key: (`operation`, `index`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The operation's id.
    pub operation: String,
    /// Position in the plan, from 0.
    pub index: u32,
    /// Name in the plan, such as `start-nodes`.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// Attempts begun in the present direction.
    pub attempt: u32,
    /// How many of these ended because their replica died or handed over; they do not count against the limit.
    pub interrupted: u32,
    /// Begin of the present or last attempt.
    pub started_ms: Option<i64>,
    /// End of the last attempt; `None` while one runs.
    pub ended_ms: Option<i64>,
    /// When the next attempt is due, while one is waited for.
    pub retry_at_ms: Option<i64>,
    /// The step's result, once done.
    pub output: Option<Value>,
    /// The last error, also while a retry is waited for.
    pub error: Option<FailureRecord>,
    /// Progress of the present attempt: units done.
    pub done: u64,
    /// Progress of the present attempt: units in all, 0 when unknown.
    pub total: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EventBody {
    /// The operation entered a state.
    State {
        /// The state entered.
        state: OperationState,
        /// The failure, when there is one.
        error: Option<FailureRecord>,
    },
    /// A step entered a state.
    Step {
        /// Position in the plan.
        index: u32,
        /// Name of the step.
        step: String,
        /// The state entered.
        state: StepState,
        /// The attempt concerned.
        attempt: u32,
        /// When the next attempt is due, if one is waited for.
        retry_at_ms: Option<i64>,
        /// The error, when there is one.
        error: Option<FailureRecord>,
    },
    /// A line of the live log.
    Note {
        /// Name of the step that wrote it.
        step: String,
        /// The attempt that wrote it.
        attempt: u32,
        /// The line, at most 4,096 bytes.
        text: String,
        /// The same for whoever translates it; of lines that must not be overlooked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told: Option<Told>,
    },
    /// A step got on.
    Progress {
        /// Name of the step.
        step: String,
        /// Units done.
        done: u64,
        /// Units in all, 0 when unknown.
        total: u64,
    },
}

impl EventBody {
    /// The word for the kind of event: `state`, `step`, `note` or `progress`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Step { .. } => "step",
            Self::Note { .. } => "note",
            Self::Progress { .. } => "progress",
        }
    }
}

/// What a line says, as a code with the values that its sentence names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Stable code.
    pub code: String,
    /// What the translated sentence names; each value at most 4,096 bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// An event that has no sequence number yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// The operation concerned.
    pub operation: String,
    /// Its owner, so that a stream can be filtered without another read.
    pub owner: String,
    /// Its subject, for the same reason.
    pub subject: Option<String>,
    /// When it happened.
    pub at_ms: i64,
    /// What happened.
    pub body: EventBody,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Position in the whole log, from 1, rising, gaps allowed.
    pub sequence: u64,
    /// The operation concerned.
    pub operation: String,
    /// Its owner.
    pub owner: String,
    /// Its subject.
    pub subject: Option<String>,
    /// When it happened.
    pub at_ms: i64,
    /// What happened.
    pub body: EventBody,
}

impl EventRecord {
    /// Gives a new event its place in the log.
    pub fn at(sequence: u64, event: NewEvent) -> Self {
        let NewEvent { operation, owner, subject, at_ms, body } = event;
        Self { sequence, operation, owner, subject, at_ms, body }
    }
}
