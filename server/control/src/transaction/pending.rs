//! Transactions of which nobody knows yet what became of them: after a crash or a timeout the peers are asked.

use domain::chain::ChainState;
use domain::name::ChainName;
use domain::transaction::{SubmitView, TransactionState};
use domain::{Code, Error, ErrorKind};
use fabric::block::parse_block;
use fabric::error::FabricError;
use fabric::gateway::CALL_TIMEOUT;
use futures::StreamExt;
use store::TransactionRecord;

use super::COMMIT_TIMEOUT;
use super::ledger::{BLOCK_TIMEOUT, is_absent, transaction_view};
use crate::ControlPlane;
use crate::explain::validation_error;
use crate::network::{ChainLink, Committed};
use crate::operations::{SIDE_BY_SIDE, side_by_side};
use crate::topology::PlannedNode;

/// Pending transactions of a chain that one round looks at.
const ROUND: u32 = 500;
/// Age from which a transaction that no peer has is given up: far beyond every wait between endorsement and block.
const LOST_AFTER_MS: i64 = 10 * 60 * 1_000;
/// Age from which silent peers no longer count: one whose data are gone never says anything again.
const SILENT_UNTIL_MS: i64 = 24 * 60 * 60 * 1_000;

/// What peers say of a transaction.
enum Word {
    Has(Committed),
    /// It is not on the ledger.
    Lacks,
    /// One at least does not tell.
    Silent,
}

/// What asking for one transaction came to.
enum Asked {
    Settled,
    Open,
    /// It may be lost, if there were not a peer that does not tell.
    Unclear,
    /// No peer answers.
    Unanswered,
}

impl ControlPlane {
    /// Asks the peers what became of transactions that a crash or a timeout left pending, chain by chain: one whose peers
    /// are silent holds up no other.
    pub(crate) async fn settle_pending(&self) -> Result<usize, Error> {
        // Whoever submitted a younger one still hands it over or waits for it themselves, unless a portal ended since.
        let waited_ms = i64::try_from((CALL_TIMEOUT + COMMIT_TIMEOUT).as_millis()).unwrap_or(i64::MAX);
        let before_ms = self.services.clock.now_ms().saturating_sub(waited_ms).max(self.began_ms);
        let chains = self.services.store.transaction_pending_chains(before_ms).await;
        let chains = chains.map_err(crate::error::store)?;
        let rounds: Vec<_> = chains.iter().map(|chain| self.settle_chain(chain, before_ms)).collect();
        let rounds = futures::stream::iter(rounds).buffer_unordered(SIDE_BY_SIDE);
        let ended: Vec<Result<usize, Error>> = rounds.collect().await;
        ended.into_iter().sum()
    }

    async fn settle_chain(&self, chain: &ChainName, before_ms: i64) -> Result<usize, Error> {
        let Some(link) = self.running_link(chain).await else { return Ok(0) };
        let pending = self.services.store.transaction_pending(chain, before_ms, ROUND).await;
        let (mut settled, mut all_tell) = (0, true);
        for record in pending.map_err(crate::error::store)? {
            match self.settle_one(&link, record, all_tell).await? {
                Asked::Settled => settled += 1,
                Asked::Open => {}
                Asked::Unclear => all_tell = false,
                // The next one would only wait for the same silence.
                Asked::Unanswered => break,
            }
        }
        Ok(settled)
    }

    /// A chain that answers; none while it does not run.
    async fn running_link(&self, chain: &ChainName) -> Option<ChainLink> {
        let record = self.services.store.chain_read(chain).await.ok()??;
        if record.state == ChainState::Running { self.link(&record).await.ok() } else { None }
    }

    /// Settles a transaction if it can be. It is given up only if all peers are asked, which is of no use while one does
    /// not tell.
    async fn settle_one(
        &self,
        link: &ChainLink,
        mut record: TransactionRecord,
        ask_all: bool,
    ) -> Result<Asked, Error> {
        let channel = record.view.channel.clone();
        let peer = match self.any_peer(link, &channel).await {
            Ok(peer) => peer,
            Err(error) if error.kind == ErrorKind::Unavailable => return Ok(Asked::Unanswered),
            Err(_) => return Ok(Asked::Open),
        };
        let found = self.services.network.block_of(link, &peer, channel.as_str(), &record.view.id).await;
        match found.map(|bytes| outcome(&bytes, &record.view.id)) {
            Ok(Some(committed)) => settle(&mut record.view, committed),
            Ok(None) => return Ok(Asked::Open),
            // The peer may be behind: what another one has is not lost, and what another one hides may not be.
            Err(error) if ask_all && self.is_lost(&record.view, &error) => {
                match self.word_of_others(link, &peer, &record.view).await? {
                    Word::Has(committed) => settle(&mut record.view, committed),
                    Word::Lacks => lose(&mut record.view),
                    Word::Silent if self.age_ms(&record.view) > SILENT_UNTIL_MS => lose(&mut record.view),
                    Word::Silent => return Ok(Asked::Unclear),
                }
            }
            Err(error) if is_absent(&error) => return Ok(Asked::Open),
            Err(error) if error.is_retryable() => return Ok(Asked::Unanswered),
            Err(_) => return Ok(Asked::Open),
        }
        // Before the row, which is what is found again, were the portal to end in between: rather twice than never.
        self.record_settled(&record).await;
        self.saved(record).await?;
        Ok(Asked::Settled)
    }

    /// What the peers of a channel but one say of a transaction, asked side by side.
    async fn word_of_others(
        &self,
        link: &ChainLink,
        asked: &PlannedNode,
        view: &SubmitView,
    ) -> Result<Word, Error> {
        let others = self.peers_in(link, &view.channel).await?;
        let others = others.into_iter().filter(|peer| peer.name != asked.name);
        let looks = others.map(|peer| self.word_of(link, peer, view)).collect();
        let mut word = Word::Lacks;
        for said in side_by_side(looks).await {
            match said {
                Word::Has(_) => return Ok(said),
                Word::Silent => word = Word::Silent,
                Word::Lacks => {}
            }
        }
        Ok(word)
    }

    async fn word_of(&self, link: &ChainLink, peer: &PlannedNode, view: &SubmitView) -> Word {
        let read = self.services.network.block_of(link, peer, view.channel.as_str(), &view.id);
        match tokio::time::timeout(BLOCK_TIMEOUT, read).await {
            Ok(Ok(block)) => outcome(&block, &view.id).map_or(Word::Silent, Word::Has),
            Ok(Err(error)) if is_absent(&error) => Word::Lacks,
            Ok(Err(_)) | Err(_) => Word::Silent,
        }
    }

    fn is_lost(&self, view: &SubmitView, error: &FabricError) -> bool {
        is_absent(error) && self.age_ms(view) > LOST_AFTER_MS
    }

    fn age_ms(&self, view: &SubmitView) -> i64 {
        self.services.clock.now_ms().saturating_sub(view.created_ms)
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

/// It stands in no block yet. What the orderers said before tells more than that nothing came in time.
pub(super) fn leave_open(view: &mut SubmitView) {
    view.error.get_or_insert_with(|| Error::unavailable(Code::TransactionTimeout));
}

/// It was never handed over, or the orderers dropped it: nothing of it is on the ledger.
fn lose(view: &mut SubmitView) {
    view.state = TransactionState::Refused;
    view.error = Some(Error::conflict(Code::TransactionLost));
}

#[cfg(test)]
mod tests {
    use domain::name::{ChaincodeName, ChannelName};

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
    fn a_wait_in_vain_does_not_cover_what_the_orderers_said() {
        let mut view = SubmitView { error: None, ..pending() };
        leave_open(&mut view);
        assert_eq!(view.error.as_ref().map(|error| error.code), Some(Code::TransactionTimeout));
        view.error = Some(Error::unavailable(Code::NoLeader));
        leave_open(&mut view);
        assert_eq!(
            (view.state, view.error.unwrap().code),
            (TransactionState::Pending, Code::NoLeader),
            "it stays open, and says why"
        );
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
