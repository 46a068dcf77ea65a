//! A state as a word with a mark: the shape of the mark says the same as its colour.

use domain::chain::{ChainState, Health, HealthView, Verdict};
use domain::host::HostState;
use domain::node::{NodeKind, NodeState};
use domain::operation::{OperationState, StepState};
use domain::transaction::TransactionState;
use leptos::prelude::*;

use crate::text::{Text, tr};

/// How something does, apart from its name; decides colour and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Busy,
    Warn,
    Bad,
    Quiet,
}

impl Tone {
    /// Suffix of the style classes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// Picks a word in the language of the page.
pub type Pick = fn(&'static Text) -> &'static str;

/// A word with its mark.
pub fn badge((tone, pick): (Tone, Pick)) -> AnyView {
    let class = format!("badge badge-{}", tone.as_str());
    view! { <span class=class><span class="badge-mark" aria-hidden="true"></span>{tr(pick)}</span> }
        .into_any()
}

/// A chain's state.
pub fn chain_state(state: ChainState) -> (Tone, Pick) {
    match state {
        ChainState::Creating => (Tone::Busy, |t| t.state_creating),
        ChainState::Running => (Tone::Good, |t| t.state_running),
        ChainState::Stopping => (Tone::Busy, |t| t.state_stopping),
        ChainState::Stopped => (Tone::Quiet, |t| t.state_stopped),
        ChainState::Starting => (Tone::Busy, |t| t.state_starting),
        ChainState::Updating => (Tone::Busy, |t| t.state_updating),
        ChainState::Deleting => (Tone::Busy, |t| t.state_deleting),
        ChainState::Failed => (Tone::Bad, |t| t.state_failed),
    }
}

/// A chain's health.
pub fn health(health: &HealthView) -> (Tone, Pick) {
    match health.health {
        Health::Ok => (Tone::Good, |t| t.health_ok),
        Health::Degraded => (Tone::Warn, |t| t.health_degraded),
        Health::Unreachable => (Tone::Bad, |t| t.health_unreachable),
        Health::Unknown => (Tone::Quiet, |t| t.health_unknown),
    }
}

/// A host's state.
pub fn host_state(state: HostState) -> (Tone, Pick) {
    match state {
        HostState::Active => (Tone::Good, |t| t.state_active),
        HostState::Inactive => (Tone::Bad, |t| t.state_inactive),
        HostState::Unknown => (Tone::Quiet, |t| t.state_unknown),
    }
}

/// A node's state.
pub fn node_state(state: NodeState) -> (Tone, Pick) {
    match state {
        NodeState::Running => (Tone::Good, |t| t.state_running),
        NodeState::Created => (Tone::Busy, |t| t.state_created),
        NodeState::Restarting => (Tone::Warn, |t| t.state_restarting),
        NodeState::Stopped => (Tone::Quiet, |t| t.state_stopped),
        NodeState::Missing => (Tone::Bad, |t| t.state_missing),
        NodeState::Failed => (Tone::Bad, |t| t.state_failed),
        NodeState::Unknown => (Tone::Quiet, |t| t.state_unknown),
    }
}

/// What a node is.
pub fn node_kind(kind: NodeKind) -> Pick {
    match kind {
        NodeKind::Orderer => |t| t.kind_orderer,
        NodeKind::Peer => |t| t.kind_peer,
        NodeKind::Ca => |t| t.kind_ca,
        NodeKind::Chaincode => |t| t.kind_chaincode,
    }
}

/// An operation's state.
pub fn operation_state(state: OperationState) -> (Tone, Pick) {
    match state {
        OperationState::Pending => (Tone::Quiet, |t| t.state_pending),
        OperationState::Running => (Tone::Busy, |t| t.state_running),
        OperationState::Waiting => (Tone::Warn, |t| t.state_waiting),
        OperationState::Undoing => (Tone::Busy, |t| t.state_undoing),
        OperationState::Done => (Tone::Good, |t| t.state_done),
        OperationState::Undone => (Tone::Quiet, |t| t.state_undone),
        OperationState::Failed => (Tone::Bad, |t| t.state_failed),
    }
}

/// A step's state.
pub fn step_state(state: StepState) -> (Tone, Pick) {
    match state {
        StepState::Pending => (Tone::Quiet, |t| t.state_pending),
        StepState::Running => (Tone::Busy, |t| t.state_running),
        StepState::Waiting => (Tone::Warn, |t| t.state_waiting),
        StepState::Undoing => (Tone::Busy, |t| t.state_undoing),
        StepState::Done => (Tone::Good, |t| t.state_done),
        StepState::Undone => (Tone::Quiet, |t| t.state_undone),
        StepState::Failed => (Tone::Bad, |t| t.state_failed),
        StepState::Skipped => (Tone::Quiet, |t| t.state_skipped),
    }
}

/// A transaction's state.
pub fn transaction_state(state: TransactionState) -> (Tone, Pick) {
    match state {
        TransactionState::Pending => (Tone::Busy, |t| t.state_pending),
        TransactionState::Valid => (Tone::Good, |t| t.state_valid),
        TransactionState::Invalid => (Tone::Bad, |t| t.state_invalid),
        TransactionState::Refused => (Tone::Bad, |t| t.state_refused),
    }
}

/// A pre-flight's verdict.
pub fn verdict(verdict: Verdict) -> (Tone, Pick) {
    match verdict {
        Verdict::Pass => (Tone::Good, |t| t.verdict_pass),
        Verdict::Warn => (Tone::Warn, |t| t.verdict_warn),
        Verdict::Fail => (Tone::Bad, |t| t.verdict_fail),
    }
}
