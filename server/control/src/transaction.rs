//! Transactions: query, submit, and reading what a block holds.

use std::time::{Duration, Instant};

use domain::chain::ChainVerb;
use domain::name::{ChainName, ChannelName, OrganizationName};
use domain::permission::{Action, Noun};
use domain::transaction::{
    BlockView, CallSpec, QueryView, ReadView, SubmitView, TransactionState, TransactionView, WriteView,
};
use domain::{Code, Error, ErrorKind};
use fabric::block::{
    BlockView as FabricBlock, Party, TransactionKind, TransactionView as FabricTransaction, ValidationCode,
    parse_block,
};
use fabric::error::{ErrorKind as FabricKind, FabricError};
use fabric::identity::SigningIdentity;
use store::{StoreError, TransactionRecord};
use time::format_description::well_known::Rfc3339;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::error::internal;
use crate::network::{Call, ChainLink};
use crate::operation::subject;
use crate::operations::{fabric_code, full_text};
use crate::topology::PlannedNode;

/// Longest wait for a commit; afterwards the transaction stays pending and is asked for later.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Rows of history on one page.
const PAGE: u32 = 100;

/// Everything that one call needs.
struct Prepared {
    link: ChainLink,
    peer: PlannedNode,
    identity: SigningIdentity,
    call: Call,
}

impl ControlPlane {
    /// Asks a chaincode without writing.
    pub async fn transaction_query(&self, caller: &Caller, spec: CallSpec) -> Result<QueryView, Error> {
        let prepared = self.prepare(caller, Action::Query, &spec).await?;
        let started = Instant::now();
        let answer = self
            .services
            .network
            .evaluate(&prepared.link, &prepared.peer, &prepared.identity, &prepared.call)
            .await
            .map_err(|error| call_error(&error))?;
        Ok(QueryView {
            text: String::from_utf8_lossy(&answer).into_owned(),
            hex: hex::encode(&answer),
            duration_ms: millis(started.elapsed()),
        })
    }

    /// Submits a transaction and waits for its block. The row with its id is stored before it is handed to the
    /// orderers; the same key never submits twice.
    pub async fn transaction_submit(&self, caller: &Caller, spec: CallSpec) -> Result<SubmitView, Error> {
        let object = format!("{}/chaincode/{}", subject(&spec.chain), spec.chaincode);
        let result = self.submit(caller, spec).await;
        self.audit.record(caller, "transaction-submit", &object, &result).await;
        result
    }

    async fn submit(&self, caller: &Caller, spec: CallSpec) -> Result<SubmitView, Error> {
        let prepared = self.prepare(caller, Action::Invoke, &spec).await?;
        let Prepared { link, peer, identity, call } = &prepared;
        let started = Instant::now();
        let network = &self.services.network;
        let endorsed =
            network.endorse(link, peer, identity, call).await.map_err(|error| call_error(&error))?;
        let endorse_ms = millis(started.elapsed());
        let view = SubmitView {
            id: endorsed.tx_id.clone(),
            chain: spec.chain.clone(),
            channel: spec.channel.clone(),
            chaincode: spec.chaincode.clone(),
            function: spec.function.clone(),
            arguments: spec.arguments.clone(),
            state: TransactionState::Pending,
            validation: None,
            block: None,
            result: Some(String::from_utf8_lossy(&endorsed.result).into_owned()),
            error: None,
            created_ms: self.services.clock.now_ms(),
            endorse_ms: Some(endorse_ms),
            commit_ms: None,
        };
        let user = caller.require_user()?.id.clone();
        let mut record = TransactionRecord { view, user, idempotency_key: spec.idempotency_key.clone() };
        match self.services.store.transaction_create(&record).await {
            Ok(None) => {}
            Ok(Some(existing)) => return Ok(existing.view),
            Err(error) => return Err(crate::error::store(error)),
        }
        let ordered = Instant::now();
        if let Err(error) = network.order(link, peer, call.channel.as_str(), &endorsed).await {
            // Refused by the orderers is an answer; anything else may have arrived all the same.
            if !error.is_retryable() {
                record.view.state = TransactionState::Refused;
                record.view.error = Some(call_error(&error));
                return self.saved(record).await;
            }
        }
        let waited = network.commit_status(link, peer, identity, call.channel.as_str(), &endorsed.tx_id);
        match tokio::time::timeout(COMMIT_TIMEOUT, waited).await {
            Ok(Ok(committed)) => {
                record.view.commit_ms = Some(millis(ordered.elapsed()));
                settle(&mut record.view, committed);
                self.saved(record).await
            }
            Ok(Err(error)) => {
                tracing::warn!(error = full_text(&error), tx = endorsed.tx_id, "commit status");
                self.saved(record).await
            }
            Err(_elapsed) => self.saved(record).await,
        }
    }

    async fn saved(&self, record: TransactionRecord) -> Result<SubmitView, Error> {
        match self.services.store.transaction_save(&record).await {
            Ok(()) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(crate::error::store(error)),
        }
        self.services.changed("chain", &record.view.chain);
        Ok(record.view)
    }

    /// Authorises, then finds the peer and the identity of a call.
    async fn prepare(&self, caller: &Caller, action: Action, spec: &CallSpec) -> Result<Prepared, Error> {
        let record = self.chain_for(caller, action, Noun::Chaincode, &spec.chain).await?;
        spec.check()?;
        ChainVerb::Transact.check(record.state)?;
        let link = self.link(&spec.chain).await?;
        let (_, organization) = link
            .plan
            .members()
            .find(|(name, _)| **name == spec.organization)
            .ok_or_else(|| Error::not_found().on("organization"))?;
        let peer = self.answering_peer(&link, &spec.organization).await?;
        let user = caller.require_user()?;
        let identity = self.services.user_identity(&link.plan, &organization.msp_id, user).await?;
        let mut arguments = vec![spec.function.as_bytes().to_vec()];
        arguments.extend(spec.arguments.iter().map(|argument| argument.as_bytes().to_vec()));
        let call = Call {
            channel: spec.channel.to_string(),
            chaincode: spec.chaincode.to_string(),
            arguments,
            is_init: false,
        };
        Ok(Prepared { link, peer, identity, call })
    }

    /// The first peer of an organization whose operations endpoint answers; one that is down is passed over.
    async fn answering_peer(
        &self,
        link: &ChainLink,
        organization: &OrganizationName,
    ) -> Result<PlannedNode, Error> {
        let peers: Vec<&PlannedNode> = link.plan.peers_of(organization).collect();
        if let [only] = peers.as_slice() {
            return Ok((*only).clone());
        }
        for peer in &peers {
            if self.services.network.healthy(link, peer).await.is_ok() {
                return Ok((*peer).clone());
            }
        }
        Err(Error::unavailable(Code::NodeUnavailable).with("organization", organization))
    }

    /// The caller's submitted transactions on a chain; staff see everybody's.
    pub async fn transaction_history(
        &self,
        caller: &Caller,
        chain: &ChainName,
    ) -> Result<Vec<SubmitView>, Error> {
        self.chain_for(caller, Action::Read, Noun::Chain, chain).await?;
        let user = caller.require_user()?;
        let everybody =
            crate::policy::authorize(caller, Action::Create, crate::policy::Resource::any(Noun::Chain))
                .is_ok();
        let only = if everybody { None } else { Some(&user.id) };
        let records = self
            .services
            .store
            .transaction_list(chain, only, PAGE, None)
            .await
            .map_err(crate::error::store)?;
        Ok(records.into_iter().map(|record| record.view).collect())
    }

    /// A transaction, read live from a peer.
    pub async fn transaction_read(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
        id: &str,
    ) -> Result<TransactionView, Error> {
        let link = self.reader(caller, chain).await?;
        if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::not_found());
        }
        let id = id.to_ascii_lowercase();
        let peer = self.any_peer(&link).await?;
        let bytes = self
            .services
            .network
            .block_of(&link, &peer, channel.as_str(), &id)
            .await
            .map_err(|error| read_error(&error))?;
        let block = parse_block(&bytes).map_err(|error| internal("read a block", error))?;
        let view = block.transactions.iter().find(|transaction| transaction.tx_id == id);
        view.map(|transaction| transaction_view(block.number, transaction)).ok_or_else(Error::not_found)
    }

    /// A block, read live from a peer.
    pub async fn block_read(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
        number: u64,
    ) -> Result<BlockView, Error> {
        let link = self.reader(caller, chain).await?;
        let peer = self.any_peer(&link).await?;
        let bytes = self
            .services
            .network
            .block(&link, &peer, channel.as_str(), number)
            .await
            .map_err(|error| read_error(&error))?;
        let block = parse_block(&bytes).map_err(|error| internal("read a block", error))?;
        Ok(block_view(&block))
    }

    async fn reader(&self, caller: &Caller, chain: &ChainName) -> Result<ChainLink, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Channel, chain).await?;
        ChainVerb::Transact.check(record.state)?;
        self.link(chain).await
    }

    async fn any_peer(&self, link: &ChainLink) -> Result<PlannedNode, Error> {
        for (name, _) in link.plan.members() {
            if let Ok(peer) = self.answering_peer(link, name).await {
                return Ok(peer);
            }
        }
        Err(Error::unavailable(Code::NodeUnavailable))
    }

    /// Asks the peers what became of transactions that a crash or a timeout left pending.
    pub(crate) async fn settle_pending(&self) -> Result<usize, Error> {
        let pending = self.services.store.transaction_pending(PAGE).await.map_err(crate::error::store)?;
        let mut settled = 0;
        for mut record in pending {
            let Ok(link) = self.link(&record.view.chain).await else { continue };
            let Ok(peer) = self.any_peer(&link).await else { continue };
            let channel = record.view.channel.clone();
            let Ok(bytes) =
                self.services.network.block_of(&link, &peer, channel.as_str(), &record.view.id).await
            else {
                continue;
            };
            let Ok(block) = parse_block(&bytes) else { continue };
            let Some(found) = block.transactions.iter().find(|tx| tx.tx_id == record.view.id) else {
                continue;
            };
            let view = transaction_view(block.number, found);
            let committed =
                crate::network::Committed { block: block.number, code: view.validation, valid: view.valid };
            settle(&mut record.view, committed);
            self.saved(record).await?;
            settled += 1;
        }
        Ok(settled)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn settle(view: &mut SubmitView, committed: crate::network::Committed) {
    view.block = Some(committed.block);
    view.state = if committed.valid { TransactionState::Valid } else { TransactionState::Invalid };
    if !committed.valid {
        let code = match committed.code.as_str() {
            "MVCC_READ_CONFLICT" => Code::MvccConflict,
            "PHANTOM_READ_CONFLICT" => Code::PhantomConflict,
            "ENDORSEMENT_POLICY_FAILURE" => Code::EndorsementPolicyFailure,
            _ => Code::TransactionInvalid,
        };
        view.error = Some(Error::conflict(code).with("code", &committed.code));
    }
    view.validation = Some(committed.code);
}

/// An error of a call, told apart for whoever called: the contract's own words are theirs to see.
fn call_error(error: &FabricError) -> Error {
    let code = fabric_code(error);
    tracing::info!(error = full_text(error), "call");
    match error.kind() {
        FabricKind::ChaincodeError { message, .. } => Error::invalid(code).with("message", message),
        kind if kind.is_retryable() => Error::new(ErrorKind::Unavailable, code),
        FabricKind::ChaincodeNotDefined => Error::not_found_as(code),
        _ => Error::conflict(code).with("message", error),
    }
}

/// An error of reading a block: one that is not there is not found.
fn read_error(error: &FabricError) -> Error {
    let text = full_text(error).to_lowercase();
    let absent = ["not found", "no such", "entry not found", "out of range", "does not exist"];
    if absent.iter().any(|fragment| text.contains(fragment)) { Error::not_found() } else { call_error(error) }
}

fn block_view(block: &FabricBlock) -> BlockView {
    BlockView {
        number: block.number,
        hash: hex::encode(block.hash),
        previous_hash: hex::encode(&block.previous_hash),
        data_hash: hex::encode(&block.data_hash),
        data_hash_verified: block.is_data_hash_right,
        transactions: block.transactions.iter().map(|tx| transaction_view(block.number, tx)).collect(),
    }
}

fn party(party: &Party) -> (String, String) {
    (party.msp_id.clone(), party.name.clone())
}

fn kind(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::Endorser => "endorser",
        TransactionKind::Config => "config",
        TransactionKind::Orderer => "orderer",
        TransactionKind::Other(_) | TransactionKind::Unreadable => "other",
    }
}

fn transaction_view(block: u64, transaction: &FabricTransaction) -> TransactionView {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mut view = TransactionView {
        id: transaction.tx_id.clone(),
        block,
        kind: kind(transaction.kind).to_owned(),
        time: transaction.time.and_then(|time| time.format(&Rfc3339).ok()),
        creator: transaction.creator.as_ref().map(party).unwrap_or_default(),
        endorsers: Vec::new(),
        chaincode: None,
        arguments: Vec::new(),
        reads: Vec::new(),
        writes: Vec::new(),
        event: None,
        validation: transaction.code.map_or("UNKNOWN", ValidationCode::name).to_owned(),
        valid: transaction.code == Some(ValidationCode::Valid),
    };
    let Some(action) = &transaction.action else { return view };
    view.endorsers = action.endorsers.iter().map(party).collect();
    view.chaincode = Some(action.chaincode.clone());
    view.arguments = std::iter::once(action.function.clone()).chain(action.args.iter().map(text)).collect();
    view.event = action.event.as_ref().map(|event| (event.name.clone(), text(&event.payload)));
    for namespace in &action.namespaces {
        let name = &namespace.namespace;
        view.reads.extend(namespace.reads.iter().map(|read| ReadView {
            namespace: name.clone(),
            key: read.key.clone(),
            version: read.version,
        }));
        view.writes.extend(namespace.writes.iter().map(|write| WriteView {
            namespace: name.clone(),
            key: write.key.clone(),
            deleted: write.is_delete,
            value: text(&write.value),
        }));
    }
    view
}
