//! How a host or a chain did: each change of its state, when it was seen, and why. Of each one the newest changes are
//! kept, so that one that comes and goes all day does not fill the database.

use serde::{Deserialize, Serialize};

use crate::chain::{Ailment, Health};
use crate::host::HostState;

/// Changes that are kept of one host or chain; the oldest go.
pub const KEPT: u32 = 200;
/// The newest ones, which a page shows until somebody asks for all.
pub const SHOWN: u32 = 20;
/// Reasons that are kept of one change: when a whole chain is down, each of its nodes is one.
pub const REASONS_MAX: usize = 8;

/// A state came in the place of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange<S> {
    /// When it was seen, unix milliseconds.
    pub at_ms: i64,
    pub from: S,
    pub to: S,
    /// Why it is so, as it was known then: at most [`REASONS_MAX`]; none when all is well.
    pub reasons: Vec<Ailment>,
    /// Reasons beyond those.
    pub further: u32,
}

/// A host began or ceased to answer.
pub type HostChange = StateChange<HostState>;
/// The health of a chain became better or worse.
pub type HealthChange = StateChange<Health>;
