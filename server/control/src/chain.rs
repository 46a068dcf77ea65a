//! Chains: listing, planning, creating, and what is done to one as a whole.

use domain::chain::{ChainPlanView, ChainSpec, ChainSummary, ChainVerb, ChainView};
use domain::id::OperationId;
use domain::name::{ChainName, NodeName, check_address};
use domain::permission::{Action, Grant, Noun};
use domain::{Code, Error};
use serde::Deserialize;
use store::{ChainRecord, HostRecord};
use workflow::{ListFilter, Log, Operation, OperationRecord, OperationState, Start};

use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::operation::{log_error, subject};
use crate::operations::chain_create::ChainCreate;
use crate::operations::chain_delete::ChainDelete;
use crate::operations::chain_restart::ChainRestart;
use crate::operations::chain_start::ChainStart;
use crate::operations::chain_stop::ChainStop;
use crate::policy::{self, Resource};
use crate::services::Services;
use crate::topology::ChainPlan;

mod cards;
mod demo;
mod export;
mod offer;
mod page;
mod profile;
mod reach;
mod standing;
pub(crate) mod yaml;

pub use export::{ORDERING, exported_name};
use standing::Standing;

/// Most lines of a node's output at once.
const LOG_LINES_MAX: u32 = 10_000;
/// Every verb a chain's page may offer.
const VERBS: [(ChainVerb, Action); 7] = [
    (ChainVerb::Start, Action::Start),
    (ChainVerb::Stop, Action::Stop),
    (ChainVerb::Restart, Action::Restart),
    (ChainVerb::Resize, Action::Resize),
    (ChainVerb::Delete, Action::Delete),
    (ChainVerb::Update, Action::Deploy),
    (ChainVerb::Transact, Action::Invoke),
];

impl ControlPlane {
    /// What the caller holds on a chain; staff hold everything without a grant.
    pub(crate) async fn grant(&self, caller: &Caller, chain: &ChainName) -> Result<Option<Grant>, Error> {
        let record = self.services.store.chain_read(chain).await.map_err(crate::error::store)?;
        match record {
            Some(record) => self.grant_on(caller, &record).await,
            None => Ok(None),
        }
    }

    /// The same where the chain's record is at hand.
    pub(crate) async fn grant_on(
        &self,
        caller: &Caller,
        record: &ChainRecord,
    ) -> Result<Option<Grant>, Error> {
        let Some(user) = &caller.user else { return Ok(None) };
        if record.owner.as_ref() == Some(&user.id) {
            return Ok(Some(Grant::Owner));
        }
        self.services.store.grant_read(&record.name, &user.id).await.map_err(crate::error::store)
    }

    /// Authorises something on a chain and returns its record. A chain that is not there and one out of reach look
    /// the same.
    pub(crate) async fn chain_for(
        &self,
        caller: &Caller,
        action: Action,
        noun: Noun,
        chain: &ChainName,
    ) -> Result<ChainRecord, Error> {
        caller.require_user()?;
        let record = self.services.store.chain_read(chain).await.map_err(crate::error::store)?;
        // A grant only adds to what is allowed: whoever may without one is not asked for theirs.
        let needs_grant = !policy::allows(caller, action, Resource::of_chain(noun, None));
        let grant = match &record {
            Some(record) if needs_grant => self.grant_on(caller, record).await?,
            Some(_) | None => None,
        };
        policy::authorize(caller, action, Resource::of_chain(noun, grant))
            .map_err(|error| error.about(subject(chain)))?;
        record.ok_or_else(Error::not_found)
    }

    /// One chain with its nodes and what may be done with it.
    pub async fn chain_read(&self, caller: &Caller, name: &ChainName) -> Result<ChainView, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Chain, name).await?;
        let held = self.grant_on(caller, &record).await?;
        let allowed = |action| {
            let noun =
                if matches!(action, Action::Deploy | Action::Invoke) { Noun::Chaincode } else { Noun::Chain };
            policy::authorize(caller, action, Resource::of_chain(noun, held)).is_ok()
        };
        let store = &self.services.store;
        let holder = store.holder(&subject(name)).await.map_err(log_error)?;
        let standing = Standing::of(record.state, holder.as_ref());
        let verbs = VERBS
            .into_iter()
            .filter(|(verb, action)| allowed(*action) && standing.offers(*verb))
            .map(|(verb, _)| verb)
            .collect();
        let host = store.host_read(&record.host).await.map_err(crate::error::store)?;
        let keeps_folders = host.as_ref().is_some_and(|host| host.spec.keeps_folders());
        let host_name = host.map_or(String::new(), |host| host.spec.name.to_string());
        Ok(ChainView {
            keeps_folders,
            summary: summary(&record, host_name, holder.as_ref()),
            last_operation: self.last_operation(caller, name, holder).await?,
            nodes: self.node_views(&record).await,
            spec: record.spec,
            grant: held.unwrap_or(Grant::Owner),
            verbs,
        })
    }

    /// The operation that holds a chain, else the newest that did.
    async fn last_operation(
        &self,
        caller: &Caller,
        name: &ChainName,
        holder: Option<OperationRecord>,
    ) -> Result<Option<OperationId>, Error> {
        if let Some(holder) = holder {
            return Ok(Some(OperationId::new(holder.id)));
        }
        let filter = ListFilter { subject: Some(subject(name)), limit: 1, ..ListFilter::default() };
        let newest = self.services.store.list(&filter).await.map_err(log_error)?.into_iter().next();
        let Some(newest) = newest else { return Ok(None) };
        // What was done for an earlier owner is not told to the next one.
        let readable = self.operation_allows(caller, Action::Read, &newest).await.is_ok();
        Ok(readable.then(|| OperationId::new(newest.id)))
    }

    /// The review of the wizard: the plan, and the pre-flight against the host.
    pub async fn chain_plan(&self, caller: &Caller, spec: ChainSpec) -> Result<ChainPlanView, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Chain))?;
        spec.check()?;
        check_address(spec.name.as_str())?;
        let host = self.spec_host(&spec).await?;
        self.plan_view(&spec, &host).await
    }

    async fn spec_host(&self, spec: &ChainSpec) -> Result<HostRecord, Error> {
        let host = self.services.store.host_read(&spec.host).await.map_err(crate::error::store)?;
        host.ok_or_else(|| Error::invalid(Code::HostMissing).on("host"))
    }

    /// Creates a chain and returns the operation that builds it.
    pub async fn chain_create(
        &self,
        caller: &Caller,
        spec: ChainSpec,
        idempotency_key: String,
    ) -> Result<OperationId, Error> {
        let object = subject(&spec.name);
        let result = self.chain_create_checked(caller, spec, idempotency_key).await;
        self.audit.record(caller, "chain-create", &object, &result).await;
        result
    }

    async fn chain_create_checked(
        &self,
        caller: &Caller,
        spec: ChainSpec,
        idempotency_key: String,
    ) -> Result<OperationId, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Chain))?;
        let user = caller.require_user()?;
        spec.check()?;
        check_address(spec.name.as_str())?;
        let host = self.spec_host(&spec).await?;
        let key = bounded_key(idempotency_key)?;
        if let Some(holder) = self.services.store.chain_read(&spec.name).await.map_err(crate::error::store)? {
            // A repeated submit finds the name taken by itself: it gets the same operation, not a refusal.
            return match self.same_submit(user, &key, holder.operation).await? {
                Some(operation) => Ok(operation),
                None => Err(Error::conflict(Code::ChainNameTaken).with("name", &spec.name).on("name")),
            };
        }
        self.preflight(&spec, &host).await?;
        let subject = subject(&spec.name);
        self.start_operation(caller, Some(subject), Some(key), ChainCreate { spec }).await
    }

    /// The operation, if the same person started it with the same key.
    async fn same_submit(
        &self,
        user: &CallerUser,
        key: &str,
        operation: Option<OperationId>,
    ) -> Result<Option<OperationId>, Error> {
        let Some(id) = operation else { return Ok(None) };
        let stored = self.services.store.load(id.as_str()).await.map_err(log_error)?;
        let same = stored.is_some_and(|stored| {
            stored.operation.owner == user.id.as_str()
                && stored.operation.idempotency_key.as_deref() == Some(key)
        });
        Ok(same.then_some(id))
    }

    /// Starts a stopped chain.
    pub async fn chain_start(&self, caller: &Caller, name: &ChainName) -> Result<OperationId, Error> {
        let params = ChainStart { chain: name.clone(), restart: false };
        self.act(caller, name, ChainVerb::Start, Action::Start, params).await
    }

    /// Stops a running chain; its ledger stays.
    pub async fn chain_stop(&self, caller: &Caller, name: &ChainName) -> Result<OperationId, Error> {
        self.act(caller, name, ChainVerb::Stop, Action::Stop, ChainStop { chain: name.clone() }).await
    }

    /// Stops and starts every node, one after another, while the chain runs.
    pub async fn chain_restart(&self, caller: &Caller, name: &ChainName) -> Result<OperationId, Error> {
        let params = ChainRestart { chain: name.clone() };
        self.act(caller, name, ChainVerb::Restart, Action::Restart, params).await
    }

    /// Deletes a chain with everything it has on its host; the name must be typed. With `keep_data` the folders of its
    /// data are put aside, where no later chain finds them.
    ///
    /// # Errors
    /// [`Code::NoFoldersToKeep`] when its host keeps data in no folders, [`Code::ChainClaimed`] when somebody owns it.
    pub async fn chain_delete(
        &self,
        caller: &Caller,
        name: &ChainName,
        typed: &str,
        keep_data: bool,
    ) -> Result<OperationId, Error> {
        let result = self.chain_delete_checked(caller, name, typed, keep_data, false).await;
        self.audit.record(caller, "chain-delete", &subject(name), &result).await;
        result
    }

    /// The same of a chain that somebody owns, by somebody who knows that.
    pub async fn chain_delete_claimed(
        &self,
        caller: &Caller,
        name: &ChainName,
        typed: &str,
        keep_data: bool,
    ) -> Result<OperationId, Error> {
        let result = self.chain_delete_checked(caller, name, typed, keep_data, true).await;
        self.audit.record(caller, "chain-delete-claimed", &subject(name), &result).await;
        result
    }

    async fn chain_delete_checked(
        &self,
        caller: &Caller,
        name: &ChainName,
        typed: &str,
        keep_data: bool,
        claimed: bool,
    ) -> Result<OperationId, Error> {
        let record = self.chain_for(caller, Action::Delete, Noun::Chain, name).await?;
        self.stepped_up(caller)?;
        if typed != name.as_str() {
            return Err(Error::invalid(Code::ChainNameUnconfirmed).with("name", name).on("typed"));
        }
        if let Some(owner) = record.owner.as_ref().filter(|_| !claimed) {
            let owner = self.services.store.user_read(owner).await.map_err(crate::error::store)?;
            let name = owner.map_or(String::new(), |owner| owner.name.to_string());
            return Err(Error::conflict(Code::ChainClaimed).with("owner", name));
        }
        if keep_data {
            let host = self.services.store.host_read(&record.host).await.map_err(crate::error::store)?;
            if !host.is_some_and(|host| host.spec.keeps_folders()) {
                return Err(Error::invalid(Code::NoFoldersToKeep).on("keep_data"));
            }
        }
        // A creation that failed holds the chain; a deletion takes its place.
        let failed = self.failed_holder(name).await?;
        if failed.is_none() {
            ChainVerb::Delete.check(record.state)?;
        }
        // Of a free chain of the pool somebody may become the owner at this moment.
        let only_free = record.pool.is_some() && !claimed && failed.is_none();
        let params = ChainDelete { spec: record.spec, keep_data, only_free };
        let start = Start::new(caller.require_user()?.id.as_str(), params).on(subject(name));
        self.launch(match failed {
            Some(operation) => start.superseding(operation),
            None => start,
        })
        .await
    }

    /// The failed operation that holds a chain, if one does.
    pub(crate) async fn failed_holder(&self, name: &ChainName) -> Result<Option<String>, Error> {
        let holder = self.services.store.holder(&subject(name)).await.map_err(log_error)?;
        Ok(holder.filter(|operation| operation.state == OperationState::Failed).map(|operation| operation.id))
    }

    async fn act<P: Operation<Env = Services>>(
        &self,
        caller: &Caller,
        name: &ChainName,
        verb: ChainVerb,
        action: Action,
        params: P,
    ) -> Result<OperationId, Error> {
        let result = async {
            let record = self.chain_for(caller, action, Noun::Chain, name).await?;
            verb.check(record.state)?;
            self.start_operation(caller, Some(subject(name)), None, params).await
        }
        .await;
        self.audit.record(caller, P::plan().name(), &subject(name), &result).await;
        result
    }

    /// The last lines of a node's output.
    pub async fn node_logs(
        &self,
        caller: &Caller,
        name: &ChainName,
        node: &NodeName,
        tail: u32,
    ) -> Result<Vec<String>, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Node, name).await?;
        let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
        let planned = plan.node(node).cloned().ok_or_else(Error::not_found)?;
        let link = self.link(&record).await?;
        Ok(crate::operations::node_lines(&link, &planned, tail.clamp(1, LOG_LINES_MAX)).await)
    }
}

/// A chain as it is listed, seen with the operation that holds it.
fn summary(record: &ChainRecord, host_name: String, holder: Option<&OperationRecord>) -> ChainSummary {
    let standing = Standing::of(record.state, holder);
    let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    ChainSummary {
        name: record.name.clone(),
        state: standing.state,
        health: record.health.clone(),
        host: record.host.clone(),
        host_name,
        version: record.spec.version,
        consensus: record.spec.consensus,
        organizations: count(record.spec.organizations.len()),
        peers: count(record.spec.peers()),
        orderers: record.spec.orderers,
        owner: record.owner.clone(),
        owner_name: String::new(),
        created_ms: record.created_ms,
        operation: holder.map(|holder| OperationId::new(holder.id.clone())),
        operation_failed: standing.held_by_failure,
        pool: record.pool.clone(),
        expires_ms: record.tenure.expires_ms,
    }
}

/// The plan of a chain; none while its ports are not reserved yet.
pub(crate) fn plan_of(record: &ChainRecord) -> Result<Option<ChainPlan>, Error> {
    if record.plan.is_null() {
        return Ok(None);
    }
    ChainPlan::deserialize(&*record.plan)
        .map(Some)
        .map_err(|error| crate::error::internal("read a chain's plan", error))
}

/// Keys come from forms: they must be long enough to be random and short enough to be kept.
pub(crate) fn bounded_key(key: String) -> Result<String, Error> {
    if (8..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(key);
    }
    Err(Error::invalid(Code::ValueOutOfRange).with("min", 8).with("max", 64).on("idempotency_key"))
}
