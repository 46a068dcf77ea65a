//! How a chain stands: the state in its record, seen with the operation that holds it. Worked out at every look and never
//! stored, so that no crash leaves a chain in a state that nobody is going to end.

use domain::chain::{ChainState, ChainVerb};
use workflow::{Operation, OperationRecord, OperationState};

use crate::operations::chain_delete::ChainDelete;
use crate::operations::chain_start::ChainStart;
use crate::operations::chain_stop::ChainStop;

/// A chain as pages show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: ChainState,
    /// Whether the operation that holds the chain failed.
    pub(crate) held_by_failure: bool,
}

impl Standing {
    /// From the state in the record and the operation that holds the chain, if one does.
    pub(crate) fn of(recorded: ChainState, holder: Option<&OperationRecord>) -> Self {
        let Some(holder) = holder else { return Self { state: recorded, held_by_failure: false } };
        let held_by_failure = holder.state == OperationState::Failed;
        let state = if held_by_failure { after_failure(recorded) } else { during(recorded, holder) };
        Self { state, held_by_failure }
    }

    /// Whether the server would do this now. A failed operation makes way for a deletion alone; calls of chaincode hold
    /// nothing.
    pub(crate) fn offers(self, verb: ChainVerb) -> bool {
        let is_free = !self.held_by_failure || matches!(verb, ChainVerb::Delete | ChainVerb::Transact);
        is_free && verb.check(self.state).is_ok()
    }
}

/// An operation that failed before it changed the chain, or whose work a running chain bears, leaves the state before.
fn after_failure(recorded: ChainState) -> ChainState {
    match recorded {
        ChainState::Running | ChainState::Stopped => recorded,
        _ => ChainState::Failed,
    }
}

/// What an operation is doing to a chain whose record does not say so: it has just begun, or it changes what is on it.
fn during(recorded: ChainState, holder: &OperationRecord) -> ChainState {
    match recorded {
        ChainState::Running | ChainState::Stopped | ChainState::Failed => {}
        of_operation => return of_operation,
    }
    if holder.name == ChainStart::plan().name() {
        // Of a chain that runs it is a restart of a former version, which stops it first; one that has begun has
        // restarted it by now.
        let stops = recorded == ChainState::Running && holder.state == OperationState::Pending;
        return if stops { ChainState::Stopping } else { ChainState::Starting };
    }
    if holder.name == ChainStop::plan().name() {
        return ChainState::Stopping;
    }
    if holder.name == ChainDelete::plan().name() { ChainState::Deleting } else { ChainState::Updating }
}

#[cfg(test)]
mod tests {
    use workflow::Wanted;

    use super::*;

    fn holder(name: &str, state: OperationState) -> OperationRecord {
        OperationRecord {
            id: "1".to_owned(),
            name: name.to_owned(),
            version: 1,
            owner: "ada".to_owned(),
            subject: Some("chain/demo".to_owned()),
            idempotency_key: None,
            params: serde_json::Value::Null,
            state,
            epoch: 1,
            lease_until_ms: 0,
            replica: None,
            created_ms: 0,
            updated_ms: 0,
            error: None,
            cancel_requested: false,
            wanted: Wanted::Run,
            superseded_by: None,
        }
    }

    #[test]
    fn the_state_is_the_records_as_long_as_nothing_holds_the_chain() {
        for state in ChainState::ALL {
            assert_eq!(Standing::of(state, None), Standing { state, held_by_failure: false });
        }
    }

    #[test]
    fn an_operation_under_way_is_seen() {
        use ChainState as S;
        for (recorded, operation, state, shown) in [
            (S::Creating, "chain-create", OperationState::Running, S::Creating),
            (S::Creating, "chain-create", OperationState::Undoing, S::Creating),
            (S::Running, "chaincode-deploy", OperationState::Pending, S::Updating),
            (S::Running, "channel-join", OperationState::Waiting, S::Updating),
            (S::Running, "demo-create", OperationState::Running, S::Updating),
            (S::Running, "node-resize", OperationState::Running, S::Updating),
            (S::Running, "chain-restart", OperationState::Running, S::Updating),
            (S::Running, "node-resize", OperationState::Failed, S::Running),
            (S::Running, "chain-stop", OperationState::Pending, S::Stopping),
            (S::Running, "chain-start", OperationState::Pending, S::Stopping),
            (S::Stopping, "chain-start", OperationState::Running, S::Stopping),
            (S::Running, "chain-start", OperationState::Running, S::Starting),
            (S::Stopped, "chain-start", OperationState::Pending, S::Starting),
            (S::Starting, "chain-start", OperationState::Running, S::Starting),
            (S::Failed, "chain-delete", OperationState::Pending, S::Deleting),
            (S::Creating, "chain-create", OperationState::Failed, S::Failed),
            (S::Starting, "chain-start", OperationState::Failed, S::Failed),
            (S::Stopping, "chain-stop", OperationState::Failed, S::Failed),
            (S::Deleting, "chain-delete", OperationState::Failed, S::Failed),
            (S::Running, "chaincode-deploy", OperationState::Failed, S::Running),
        ] {
            let holder = holder(operation, state);
            assert_eq!(
                Standing::of(recorded, Some(&holder)).state,
                shown,
                "{recorded:?} {operation} {state}"
            );
        }
    }

    #[test]
    fn what_would_be_refused_is_not_offered() {
        let all = [
            ChainVerb::Start,
            ChainVerb::Stop,
            ChainVerb::Restart,
            ChainVerb::Resize,
            ChainVerb::Delete,
            ChainVerb::Update,
            ChainVerb::Transact,
        ];
        let offered = |recorded, name, state| {
            let standing = Standing::of(recorded, Some(&holder(name, state)));
            all.into_iter().filter(|verb| standing.offers(*verb)).collect::<Vec<_>>()
        };
        use ChainVerb::{Delete, Transact};
        let deploy = "chaincode-deploy";
        assert_eq!(offered(ChainState::Running, deploy, OperationState::Running), [Transact]);
        assert_eq!(offered(ChainState::Running, deploy, OperationState::Failed), [Delete, Transact]);
        assert!(offered(ChainState::Creating, "chain-create", OperationState::Running).is_empty());
        assert_eq!(offered(ChainState::Creating, "chain-create", OperationState::Failed), [Delete]);
        assert_eq!(offered(ChainState::Stopped, "chain-start", OperationState::Failed), [Delete]);
    }
}
