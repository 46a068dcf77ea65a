//! Transactions of which nobody knows yet what became of them: after a crash or a timeout the peers are asked.

use domain::chain::ChainState;
use domain::transaction::{SubmitView, TransactionState};
use domain::{Code, Error};
use fabric::block::parse_block;
use fabric::error::FabricError;
use store::TransactionRecord;

use super::ledger::{is_absent, transaction_view};
use crate::ControlPlane;
use crate::explain::validation_error;
use crate::network::{ChainLink, Committed};

/// Pending transactions that one round looks at.
const ROUND: u32 = 500;
/// Age from which a transaction that no peer has is given up: far beyond every wait between endorsement and block.
const LOST_AFTER_MS: i64 = 10 * 60 * 1_000;

impl ControlPlane {
    /// Asks the peers what became of transactions that a crash or a timeout left pending.
    pub(crate) async fn settle_pending(&self) -> Result<usize, Error> {
        let pending = self.services.store.transaction_pending(ROUND).await.map_err(crate::error::store)?;
        let mut settled = 0;
        let mut known: Option<(domain::name::ChainName, Option<ChainLink>)> = None;
        for record in pending {
            let chain = record.view.chain.clone();
            // Rows of one chain mostly follow each other: its keys are opened once.
            if known.as_ref().is_none_or(|(name, _)| *name != chain) {
                known = Some((chain.clone(), self.running_link(&chain).await));
            }
            let Some((_, Some(link))) = &known else { continue };
            if self.settle_one(link, record).await? {
                settled += 1;
            }
        }
        Ok(settled)
    }

    /// A chain that answers; none while it does not run.
    async fn running_link(&self, chain: &domain::name::ChainName) -> Option<ChainLink> {
        let record = self.services.store.chain_read(chain).await.ok()??;
        if record.state == ChainState::Running { self.link(chain).await.ok() } else { None }
    }

    async fn settle_one(&self, link: &ChainLink, mut record: TransactionRecord) -> Result<bool, Error> {
        let channel = record.view.channel.clone();
        let Ok(peer) = self.any_peer(link, &channel).await else { return Ok(false) };
        let found = self.services.network.block_of(link, &peer, channel.as_str(), &record.view.id).await;
        match found.map(|bytes| outcome(&bytes, &record.view.id)) {
            Ok(Some(committed)) => settle(&mut record.view, committed),
            Ok(None) => return Ok(false),
            Err(error) if self.is_lost(&record.view, &error) => lose(&mut record.view),
            Err(_) => return Ok(false),
        }
        self.saved(record).await?;
        Ok(true)
    }

    fn is_lost(&self, view: &SubmitView, error: &FabricError) -> bool {
        is_absent(error) && self.services.clock.now_ms().saturating_sub(view.created_ms) > LOST_AFTER_MS
    }
}

/// What a block says of a transaction.
fn outcome(block: &[u8], id: &str) -> Option<Committed> {
    let block = parse_block(block).ok()?;
    let found = block.transactions.iter().find(|transaction| transaction.tx_id == id)?;
    let view = transaction_view(block.number, found);
    Some(Committed { block: block.number, code: view.validation, valid: view.valid })
}

/// Takes over what a block says.
pub(super) fn settle(view: &mut SubmitView, committed: Committed) {
    view.block = Some(committed.block);
    view.state = if committed.valid { TransactionState::Valid } else { TransactionState::Invalid };
    view.error = (!committed.valid).then(|| validation_error(&committed.code));
    view.validation = Some(committed.code);
}

/// It was never handed over, or the orderers dropped it: nothing of it is on the ledger.
fn lose(view: &mut SubmitView) {
    view.state = TransactionState::Refused;
    view.error = Some(Error::conflict(Code::TransactionLost));
}

#[cfg(test)]
mod tests {
    use domain::name::{ChainName, ChaincodeName, ChannelName};

    use super::*;

    fn pending() -> SubmitView {
        SubmitView {
            id: "0".repeat(64),
            chain: ChainName::parse("demo").unwrap(),
            channel: ChannelName::parse("mychannel").unwrap(),
            chaincode: ChaincodeName::parse("example02").unwrap(),
            function: "move".to_owned(),
            arguments: Vec::new(),
            organization: None,
            submitted_by: "ann".to_owned(),
            state: TransactionState::Pending,
            validation: None,
            block: None,
            result: None,
            result_hex: None,
            error: Some(Error::unavailable(Code::TransactionTimeout)),
            created_ms: 0,
            endorse_ms: None,
            order_ms: None,
            commit_ms: None,
        }
    }

    #[test]
    fn a_block_settles_and_clears_the_timeout() {
        let mut view = pending();
        settle(&mut view, Committed { block: 7, code: "VALID".to_owned(), valid: true });
        assert_eq!((view.state, view.block, view.error), (TransactionState::Valid, Some(7), None));
    }

    #[test]
    fn a_transaction_that_does_not_count_says_why() {
        let mut view = pending();
        settle(&mut view, Committed { block: 7, code: "MVCC_READ_CONFLICT".to_owned(), valid: false });
        assert_eq!(view.state, TransactionState::Invalid);
        assert_eq!(view.error.unwrap().code, Code::MvccConflict);
        assert_eq!(view.validation.as_deref(), Some("MVCC_READ_CONFLICT"));
    }

    #[test]
    fn what_no_peer_has_is_given_up_with_a_reason() {
        let mut view = pending();
        lose(&mut view);
        assert_eq!(
            (view.state, view.error.unwrap().code),
            (TransactionState::Refused, Code::TransactionLost)
        );
    }
}
