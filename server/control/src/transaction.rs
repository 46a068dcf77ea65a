//! Calls of a chaincode: query, submit, and the history of what was submitted. A submit writes its history row, with
//! the transaction id, before anything is handed to the orderers, so that no crash leaves a transaction unknown.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use domain::chain::ChainVerb;
use domain::name::{ChainName, ChaincodeName, OrganizationName};
use domain::permission::{Action, Noun};
use domain::transaction::{CallSpec, QueryView, SubmitView, TransactionState};
use domain::{Code, Error};
use fabric::error::{ErrorKind as FabricKind, FabricError};
use fabric::gateway::CALL_TIMEOUT;
use fabric::identity::SigningIdentity;
use futures::future::{Either, select};
use store::{StoreError, TransactionRecord};

use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::explain::{call_error, full_text, run_error};
use crate::network::{Call, ChainLink, Endorsed, height_in_time};
use crate::operation::subject;
use crate::topology::PlannedNode;

mod choice;
mod heights;
mod ledger;
mod pending;
mod repeat;

pub(crate) use choice::LastWrites;
use choice::{Chosen, Place};
pub(crate) use heights::Heights;
use pending::{leave_open, settle};
pub(crate) use repeat::place as sealed_place;

/// Longest wait for a commit; afterwards the transaction stays pending and is asked for later.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a call may take until its peer is asked beside it whether it answers at all.
const QUICK: Duration = Duration::from_secs(2);
/// How often the only peer may say nothing to that.
const SILENT_LOOKS: u32 = 2;
/// The word of the audit.
pub(crate) const SUBMIT: &str = "transaction-submit";
/// Rows of history on one page.
const PAGE: u32 = 100;

/// Everything that one call needs.
struct Prepared {
    link: ChainLink,
    peer: PlannedNode,
    /// The peer was not asked now whether it answers.
    is_remembered: bool,
    identity: SigningIdentity,
    call: Call,
    /// Whose call it is, and where.
    place: Place,
}

impl ControlPlane {
    /// Asks a chaincode without writing.
    pub async fn transaction_query(&self, caller: &Caller, spec: CallSpec) -> Result<QueryView, Error> {
        let mut prepared = self.prepare(caller, Action::Query, &spec).await?;
        let started = Instant::now();
        let asked = match tokio::time::timeout(CALL_TIMEOUT, self.asked(&mut prepared, &spec)).await {
            Ok(asked) => asked?,
            Err(_) => Err(FabricError::Timeout { what: "a query", after: CALL_TIMEOUT }),
        };
        let answer = match asked {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused_call(&spec, &error).await),
        };
        Ok(QueryView {
            text: String::from_utf8_lossy(&answer).into_owned(),
            hex: hex::encode(&answer),
            duration_ms: millis(started.elapsed()),
        })
    }

    /// What peers answer to a query: a second one where the first does not answer.
    async fn asked(
        &self,
        prepared: &mut Prepared,
        spec: &CallSpec,
    ) -> Result<Result<Vec<u8>, FabricError>, Error> {
        let asked = self.evaluate(prepared).await;
        if let Err(error) = &asked
            && self.goes_elsewhere(prepared, spec, error).await?
        {
            return Ok(self.evaluate(prepared).await);
        }
        Ok(asked)
    }

    async fn evaluate(&self, prepared: &Prepared) -> Result<Vec<u8>, FabricError> {
        let Prepared { link, peer, identity, call, .. } = prepared;
        self.while_it_answers(prepared, self.services.network.evaluate(link, peer, identity, call)).await
    }

    async fn endorse(&self, prepared: &Prepared) -> Result<Endorsed, FabricError> {
        let Prepared { link, peer, identity, call, .. } = prepared;
        self.while_it_answers(prepared, self.services.network.endorse(link, peer, identity, call)).await
    }

    /// What comes of a call. One that takes long is given up where its peer does not even tell how many blocks it has:
    /// nothing is written by it, so that another peer may be called in its place, or the caller hears so while the page
    /// is still waiting.
    async fn while_it_answers<T>(
        &self,
        prepared: &Prepared,
        work: impl Future<Output = Result<T, FabricError>>,
    ) -> Result<T, FabricError> {
        let mut work = pin!(work);
        if let Ok(answer) = tokio::time::timeout(QUICK, work.as_mut()).await {
            return answer;
        }
        let Prepared { link, peer, call, .. } = prepared;
        // The only peer gets more time than one in whose place another can be called.
        let looks = if prepared.is_remembered { 1 } else { SILENT_LOOKS };
        for look in 1..=looks {
            let height = pin!(height_in_time(self.services.network.as_ref(), link, peer, &call.channel));
            match select(work.as_mut(), height).await {
                Either::Left((answer, _)) => return answer,
                Either::Right((Err(error), _)) if is_of_peer(&error) => {
                    if look == looks {
                        return Err(silent(error));
                    }
                }
                Either::Right(_) => break,
            }
        }
        work.await
    }

    /// Turns to a peer that answers now, where one that was not asked before does not. It may be the same one: only the
    /// connection to it was dead, or it is back since.
    async fn goes_elsewhere(
        &self,
        prepared: &mut Prepared,
        spec: &CallSpec,
        error: &FabricError,
    ) -> Result<bool, Error> {
        if !prepared.is_remembered || !is_of_peer(error) {
            return Ok(false);
        }
        self.heights.forget(&prepared.place, &prepared.peer.name);
        prepared.is_remembered = false;
        prepared.peer = self.asked_peer(&prepared.link, &spec.organization, &prepared.place).await?;
        Ok(true)
    }

    /// Submits a transaction and waits for its block. The same key never submits twice: who sends it again gets
    /// what became of the first.
    pub async fn transaction_submit(&self, caller: &Caller, spec: CallSpec) -> Result<SubmitView, Error> {
        let object = called(&spec.chain, &spec.chaincode);
        let mut is_recorded = false;
        let result = self.submit(caller, spec, &object, &mut is_recorded).await;
        if !is_recorded {
            self.audit.record(caller, SUBMIT, &object, &result).await;
        }
        result
    }

    async fn submit(
        &self,
        caller: &Caller,
        spec: CallSpec,
        object: &str,
        is_recorded: &mut bool,
    ) -> Result<SubmitView, Error> {
        let mut prepared = self.prepare(caller, Action::Invoke, &spec).await?;
        let user = caller.require_user()?;
        self.count_call(user).await?;
        let store = &self.services.store;
        let started = Instant::now();
        let mut endorsed = self.endorse(&prepared).await;
        if let Err(error) = &endorsed
            && self.goes_elsewhere(&mut prepared, &spec, error).await?
        {
            endorsed = self.endorse(&prepared).await;
        }
        let endorsed = match endorsed {
            Ok(endorsed) => endorsed,
            Err(error) => {
                // What was written before may be why the same call is refused now.
                let earlier = store.transaction_by_key(&user.id, &spec.idempotency_key).await;
                if let Some(record) = earlier.map_err(crate::error::store)? {
                    return self.repeated(&prepared, &spec, record).await;
                }
                let refusal = self.refused_call(&spec, &error).await;
                if is_of_chaincode(&error) {
                    self.keep_refused(&spec, user, &refusal).await;
                }
                return Err(refusal);
            }
        };
        let mut view = self.endorsed_view(&spec, &endorsed);
        view.submitted_by = user.name.to_string();
        view.endorse_ms = Some(millis(started.elapsed()));
        let record = TransactionRecord {
            view,
            user: user.id.clone(),
            idempotency_key: spec.idempotency_key.clone(),
            asked: Some(self.sealed_call(&user.id, &spec)?),
        };
        match store.transaction_create(&record).await.map_err(crate::error::store)? {
            None => {
                // The block is waited for long enough to record meanwhile that it was submitted. Until both are done
                // the row is open: where the portal ends before that, whoever settles it records it.
                let submitted = Ok::<(), Error>(());
                let recorded = self.audit.record(caller, SUBMIT, object, &submitted);
                let ((), record) = futures::join!(recorded, self.ordered(&prepared, &endorsed, record));
                let result = self.saved(record).await;
                *is_recorded = result.is_ok();
                result
            }
            Some(earlier) => self.repeated(&prepared, &spec, earlier).await,
        }
    }

    /// The row of a transaction that is about to be handed over.
    fn endorsed_view(&self, spec: &CallSpec, endorsed: &Endorsed) -> SubmitView {
        SubmitView {
            id: endorsed.tx_id.clone(),
            chain: spec.chain.clone(),
            channel: spec.channel.clone(),
            chaincode: spec.chaincode.clone(),
            function: spec.function.clone(),
            arguments: spec.arguments.clone(),
            organization: Some(spec.organization.clone()),
            submitted_by: String::new(),
            state: TransactionState::Pending,
            validation: None,
            block: None,
            result: Some(String::from_utf8_lossy(&endorsed.result).into_owned()),
            result_hex: Some(hex::encode(&endorsed.result)),
            error: None,
            created_ms: self.services.clock.now_ms(),
            endorse_ms: None,
            order_ms: None,
            commit_ms: None,
        }
    }

    /// Notes in the history that peers refused a call. Its key stays free: nothing was written, and the same call may
    /// be tried again.
    async fn keep_refused(&self, spec: &CallSpec, user: &CallerUser, refusal: &Error) {
        let nothing = Endorsed { tx_id: String::new(), result: Vec::new(), envelope: Vec::new() };
        let mut view = self.endorsed_view(spec, &nothing);
        (view.state, view.result, view.result_hex) = (TransactionState::Refused, None, None);
        view.submitted_by = user.name.to_string();
        view.error = Some(refusal.clone());
        let idempotency_key = format!("{} refused at {}", spec.idempotency_key, view.created_ms);
        let record = TransactionRecord { view, user: user.id.clone(), idempotency_key, asked: None };
        match self.services.store.transaction_create(&record).await {
            Ok(_) => self.services.changed("chain", &spec.chain),
            Err(error) => tracing::warn!(%error, "a refused call is not in the history"),
        }
    }

    /// Hands a recorded transaction to the orderers and waits for its block.
    async fn ordered(
        &self,
        prepared: &Prepared,
        endorsed: &Endorsed,
        mut record: TransactionRecord,
    ) -> TransactionRecord {
        let Prepared { link, peer, call, .. } = prepared;
        let started = Instant::now();
        if let Err(error) = self.services.network.order(link, peer, &call.channel, endorsed).await {
            // Refused by the orderers is an answer; anything else may have arrived all the same.
            if !error.is_retryable() {
                record.view.state = TransactionState::Refused;
                record.view.error = Some(call_error(&error));
                return record;
            }
            record.view.error = Some(call_error(&error));
        }
        record.view.order_ms = Some(millis(started.elapsed()));
        self.awaited(prepared, record).await
    }

    /// Waits until a transaction stands in a block of the peer; one that does not stays pending.
    async fn awaited(&self, prepared: &Prepared, mut record: TransactionRecord) -> TransactionRecord {
        let Prepared { link, peer, identity, call, place, .. } = prepared;
        let started = Instant::now();
        let status =
            self.services.network.commit_status(link, peer, identity, &call.channel, &record.view.id);
        match tokio::time::timeout(COMMIT_TIMEOUT, status).await {
            Ok(Ok(committed)) => {
                record.view.commit_ms = Some(millis(started.elapsed()));
                self.last_writes.note(place, committed.block, &peer.name);
                let height = committed.block.saturating_add(1);
                self.heights.note(place, &peer.name, height, self.services.clock.now_ms());
                settle(&mut record.view, committed);
            }
            Ok(Err(error)) => {
                tracing::warn!(error = full_text(&error), tx = record.view.id, "commit status");
                leave_open(&mut record.view);
            }
            Err(_elapsed) => leave_open(&mut record.view),
        }
        record
    }

    /// Answers a key that was used before: with what became of that call, if it is the same one.
    async fn repeated(
        &self,
        prepared: &Prepared,
        spec: &CallSpec,
        record: TransactionRecord,
    ) -> Result<SubmitView, Error> {
        if !self.is_same_call(&record, spec)? {
            return Err(Error::conflict(Code::KeyUsed).on("idempotency_key"));
        }
        if record.view.state != TransactionState::Pending {
            return Ok(record.view);
        }
        let record = self.awaited(prepared, record).await;
        if record.view.state != TransactionState::Pending {
            return self.saved(record).await;
        }
        // Not seen from here: whoever sent it first may have seen it meanwhile, and their row stands.
        let key = &record.idempotency_key;
        let newest = self.services.store.transaction_by_key(&record.user, key).await;
        Ok(newest.map_err(crate::error::store)?.unwrap_or(record).view)
    }

    async fn saved(&self, record: TransactionRecord) -> Result<SubmitView, Error> {
        let store = &self.services.store;
        match store.transaction_save(&record).await {
            Ok(()) => {}
            // Somebody else saw it meanwhile, and their row stands; or the chain is gone.
            Err(StoreError::NotFound) => {
                let stands = store.transaction_by_key(&record.user, &record.idempotency_key).await;
                return Ok(stands.map_err(crate::error::store)?.unwrap_or(record).view);
            }
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
        let link = self.link(&record).await?;
        let msp_id = member(&link, &spec.organization).map_err(|error| error.on("organization"))?;
        let mut organizations = Vec::with_capacity(spec.endorsers.len());
        for name in &spec.endorsers {
            organizations.push(member(&link, name).map_err(|error| error.on("endorsers"))?);
        }
        let user = caller.require_user()?;
        let place = Place::new(&user.id, &record, &spec.channel);
        let Chosen { peer, is_remembered } = self.answering_peer(&link, &spec.organization, &place).await?;
        let identity = self.services.user_identity(&link, &msp_id, user).await?;
        let mut arguments = vec![spec.function.as_bytes().to_vec()];
        arguments.extend(spec.arguments.iter().map(|argument| argument.as_bytes().to_vec()));
        let transient = spec.transient.iter();
        let call = Call {
            channel: spec.channel.to_string(),
            chaincode: spec.chaincode.to_string(),
            arguments,
            transient: transient.map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect(),
            organizations,
            is_init: spec.is_init,
        };
        Ok(Prepared { link, peer, is_remembered, identity, call, place })
    }

    /// A refusal of peers, told more exactly where the portal knows: a gateway answers alike whether the channel, the
    /// chaincode or a peer is missing.
    async fn refused_call(&self, spec: &CallSpec, error: &FabricError) -> Error {
        let refusal = run_error(error);
        if is_of_chaincode(error) {
            return refusal;
        }
        let store = &self.services.store;
        if let Ok(channels) = store.channel_list(&spec.chain).await
            && !channels.iter().any(|channel| channel.name == spec.channel)
        {
            return Error::not_found_as(Code::ChannelUnknown).on("channel");
        }
        if let Ok(deployed) = store.chaincode_list(&spec.chain).await
            && !deployed.iter().any(|one| one.channel == spec.channel && one.name == spec.chaincode)
        {
            return Error::not_found_as(Code::ChaincodeNotDefined).on("chaincode");
        }
        refusal
    }

    /// The caller's submitted transactions on a chain, newest first; staff see everybody's. `before_ms` is the time of
    /// the last row of the page before.
    pub async fn transaction_history(
        &self,
        caller: &Caller,
        chain: &ChainName,
        before_ms: Option<i64>,
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
            .transaction_list(chain, only, PAGE, before_ms)
            .await
            .map_err(crate::error::store)?;
        Ok(records.into_iter().map(|record| record.view.shortened()).collect())
    }
}

/// What a call is on, in the audit.
pub(crate) fn called(chain: &ChainName, chaincode: &ChaincodeName) -> String {
    format!("{}/chaincode/{chaincode}", subject(chain))
}

/// Whether the chaincode ran and said no, or its answers differ.
fn is_of_chaincode(error: &FabricError) -> bool {
    matches!(error.kind(), FabricKind::ChaincodeError { .. } | FabricKind::EndorsementMismatch)
}

/// Whether the peer itself may be what is amiss: it does not answer, or has left the channel.
fn is_of_peer(error: &FabricError) -> bool {
    matches!(
        error.kind(),
        FabricKind::Unavailable | FabricKind::Timeout | FabricKind::NoPeers | FabricKind::ChannelUnknown
    )
}

/// A peer that tells nothing at all is not busy with the call: it is not there.
fn silent(error: FabricError) -> FabricError {
    if error.kind() == FabricKind::Timeout {
        return FabricError::Connect(io::Error::new(io::ErrorKind::TimedOut, "the peer answers nothing"));
    }
    error
}

/// The MSP ID of a member of the chain.
fn member(link: &ChainLink, organization: &OrganizationName) -> Result<String, Error> {
    let found = link.plan.members().find(|(name, _)| *name == organization);
    found.map(|(_, planned)| planned.msp_id.clone()).ok_or_else(Error::not_found)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
