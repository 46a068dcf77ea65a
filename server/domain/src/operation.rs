//! Operations as shown: durable work, its steps and their record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::OperationId;

/// State of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    Pending,
    Running,
    /// For a retry, a lease or a person.
    Waiting,
    Undoing,
    Done,
    Undone,
    Failed,
}

impl OperationState {
    /// Whether nothing more will happen by itself.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Done | Self::Undone | Self::Failed)
    }
}

/// State of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    Pending,
    Running,
    Waiting,
    Done,
    Undoing,
    Undone,
    Failed,
    Skipped,
}

/// Why a step failed, with what a person needs to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    pub step: String,
    /// Stable code; the texts translate the known ones.
    pub code: String,
    /// What the code's text names, by place-holder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// What was going on, for those who know Fabric and engines.
    pub message: String,
    /// The last lines of the node concerned.
    pub evidence: Vec<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    pub name: String,
    pub state: StepState,
    pub attempt: u32,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    /// How many of how many.
    pub progress: Option<(u64, u64)>,
    /// Why the attempt before failed, while the next one is waited for or under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
}

/// What stands in the way of a step that is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleView {
    /// Stable code; the texts translate the known ones.
    pub code: String,
    /// What the code's text names, by place-holder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// One line of an operation's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    pub sequence: i64,
    pub operation: OperationId,
    pub at_ms: i64,
    pub step: Option<String>,
    pub text: String,
}

/// What a person may do with an operation now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationVerb {
    Cancel,
    Resume,
    Undo,
}

/// An operation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationSummary {
    pub id: OperationId,
    /// `chain-create`.
    pub name: String,
    /// What it works on: `chain/demo`.
    pub subject: String,
    /// Whether that is still there, and in reach of whoever asks.
    pub subject_is_there: bool,
    pub owner: String,
    pub state: OperationState,
    pub steps_done: u32,
    pub steps: u32,
    pub created_ms: i64,
    pub ended_ms: Option<i64>,
}

/// What an undo leaves behind because Fabric cannot take it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// Stable code; the texts translate the known ones.
    pub code: String,
    /// What the code's text names, by place-holder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// An operation's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationView {
    pub summary: OperationSummary,
    pub steps: Vec<StepView>,
    pub events: Vec<EventView>,
    pub failure: Option<FailureView>,
    /// What Fabric keeps of it after an undo, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<KeptView>,
    pub verbs: Vec<OperationVerb>,
}
