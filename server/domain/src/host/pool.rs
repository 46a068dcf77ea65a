//! The pool of a host: chains that were started ahead of time, and what fills it.

use serde::{Deserialize, Serialize};

use crate::chain::{ChainState, HealthView};
use crate::id::{OperationId, UserId};
use crate::name::{ChainName, TemplateName};
use crate::operation::{FailureView, OperationState};

/// How much nodes print, in the words that Fabric accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeLogLevel {
    Debug,
    #[default]
    Info,
    Warning,
    Error,
}

impl NodeLogLevel {
    /// Every level, the most talkative first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// The word that is stored, shown, and given to nodes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

/// A chain that was made for the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PooledChain {
    pub name: ChainName,
    pub template: TemplateName,
    pub state: ChainState,
    pub health: HealthView,
    /// Whose it is; none: it is free.
    pub owner: Option<UserId>,
}

/// What came of one chain of a fillup or a clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRow {
    pub chain: ChainName,
    /// The operation that makes or removes it; none: it could not be begun.
    #[serde(default)]
    pub operation: Option<OperationId>,
    /// It has come to its end, well or not.
    #[serde(default)]
    pub ended: bool,
    /// Why it failed; none: it did not.
    #[serde(default)]
    pub failure: Option<FailureView>,
}

/// The last operation on a host's pool, with its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRun {
    pub operation: OperationId,
    /// `pool-fill`, `pool-clean`, `host-reset`.
    pub name: String,
    pub state: OperationState,
    pub rows: Vec<PoolRow>,
}

/// Why autofill makes nothing now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutofillPause {
    /// Fillups in a row that failed.
    pub failures: u32,
    /// When the next one begins, unix milliseconds.
    pub until_ms: i64,
}

/// A host's pool as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPoolView {
    /// Chains of the pool without an owner.
    pub free: u16,
    /// Every chain that has an owner.
    pub owned: u16,
    /// Chains that the host holds, those among them that were not made for the pool.
    pub held: u16,
    pub capacity: u16,
    pub schedulable: bool,
    pub autofill: Option<TemplateName>,
    pub pause: Option<AutofillPause>,
    /// By name.
    pub chains: Vec<PooledChain>,
    pub last: Option<PoolRun>,
}
