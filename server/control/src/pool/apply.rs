//! Asking for a chain: one that is free at once, one that is being made, or a place in the queue.

use std::collections::HashSet;

use domain::chain::ChainState;
use domain::host::HostState;
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use domain::pool::{Applied, ApplySpec, ends_ms};
use domain::template::Template;
use domain::user::Quota;
use domain::{Code, Error, ErrorKind};
use store::{ClaimSpec, Claimed, HostRecord, QueueRecord, StoreError};
use workflow::OperationRecord;

use super::QUEUE_MAX;
use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::chain::{bounded_key, plan_of};
use crate::error::store as store_error;
use crate::operation::{chain_of, log_error, subject};
use crate::operations::pool_create::{PoolCreate, PoolDeploy};
use crate::policy::{self, Resource};
use crate::secrets::random;

/// The word of the audit, and what it is on until it is known which chain it is.
const APPLY: &str = "chain-apply";
const POOL: &str = "pool/any";
/// Operations that make a chain for the pool.
const MAKERS: [&str; 2] = ["pool-create", "pool-deploy"];
/// Looks at what is free, for somebody who finds that others were faster each time.
const LOOKS_MAX: usize = 12;

impl ControlPlane {
    /// Gives the caller a chain that fits: one that is theirs, else a free one. Where none is free they wait, or one is
    /// made for them where a template was named and a host has room.
    ///
    /// # Errors
    /// [`Code::QuotaChains`] if they have as many as they may, [`Code::PoolEmpty`] if there is none,
    /// [`Code::SessionMissing`] if the caller is removed or disabled meanwhile.
    pub async fn chain_apply(&self, caller: &Caller, spec: ApplySpec) -> Result<Applied, Error> {
        let result = self.chain_apply_checked(caller, spec).await;
        self.audit.record(caller, APPLY, POOL, &result).await;
        result
    }

    async fn chain_apply_checked(&self, caller: &Caller, spec: ApplySpec) -> Result<Applied, Error> {
        policy::authorize(caller, Action::Apply, Resource::any(Noun::Chain))?;
        let user = caller.require_user()?;
        spec.check()?;
        bounded_key(spec.key.clone())?;
        self.audit.begin(caller, APPLY, POOL).await;
        // What has just become free belongs to those who wait; without any of them this is one small question.
        if let Err(error) = self.serve_queue().await {
            tracing::warn!(%error, "nobody who waits for a chain can be served now");
        }
        let quota = self.quota_of(&user.id, user.role).await?;
        if let Some((chain, again)) = self.claim(caller, user, &spec, quota).await? {
            return Ok(Applied::Claimed { chain, again });
        }
        let _turn = self.applying.lock().await;
        if let Some(position) = self.position(user, &spec).await? {
            return Ok(Applied::Queued { position });
        }
        self.may_wait(user, quota).await?;
        if let Some(applied) = self.make_for(caller, user, &spec).await? {
            return Ok(applied);
        }
        if !spec.queue {
            return Err(Error::conflict(Code::PoolEmpty));
        }
        self.wait_in_line(user, &spec).await?;
        Ok(Applied::Queued { position: self.position(user, &spec).await?.unwrap_or(QUEUE_MAX) })
    }

    /// Refuses to let somebody wait for more than they may have: what they wait for counts like what they have.
    async fn may_wait(&self, user: &CallerUser, quota: Quota) -> Result<(), Error> {
        let store = &self.services.store;
        let used = store.pool_owned(&user.id).await.map_err(store_error)?.len();
        let waiting = store.pool_queue(QUEUE_MAX).await.map_err(store_error)?;
        let awaited = waiting.iter().filter(|entry| entry.user == user.id).count();
        let all = used.saturating_add(awaited);
        if all >= usize::from(quota.chains) { Err(over_quota(all, quota)) } else { Ok(()) }
    }

    /// Claims a chain that fits, if there is one; true: it was theirs before. `caller` acts for `user`, who is the same
    /// person.
    pub(super) async fn claim(
        &self,
        caller: &Caller,
        user: &CallerUser,
        spec: &ApplySpec,
        quota: Quota,
    ) -> Result<Option<(ChainName, bool)>, Error> {
        let store = &self.services.store;
        let wish = spec.wish();
        for _ in 0..LOOKS_MAX {
            let (free, own) = (self.free_that_fit(spec).await?, self.own_that_fit(user, spec).await?);
            let now_ms = self.services.clock.now_ms();
            let claim = ClaimSpec {
                user: &user.id,
                key: &spec.key,
                free: &free,
                own: &own,
                chains_max: quota.chains,
                now_ms,
                expires_ms: ends_ms(now_ms, quota.lifetime_hours),
                wish: &wish,
            };
            match store.pool_claim(&claim).await.map_err(store_error)? {
                Claimed::Chain { name, again } => {
                    if !again {
                        self.claimed(caller, user, &name).await;
                    }
                    return Ok(Some((name, again)));
                }
                Claimed::Quota => {
                    let used = store.pool_owned(&user.id).await.map_err(store_error)?.len();
                    return Err(over_quota(used, quota));
                }
                Claimed::Nobody => return Err(gone()),
                Claimed::Gone if free.is_empty() => return Ok(None),
                // Others took those that were looked at; there may be more.
                Claimed::Gone => {}
            }
        }
        Ok(None)
    }

    /// Free chains that fit. Everybody begins to look at another one, so that they do not all want the same.
    async fn free_that_fit(&self, spec: &ApplySpec) -> Result<Vec<ChainName>, Error> {
        let free = self.free_chains().await?;
        let fitting = free.into_iter().filter(|one| spec.fits(&one.spec, Some(&one.template)));
        let mut names: Vec<ChainName> = fitting.map(|one| one.name).collect();
        if !names.is_empty() {
            let chance = random::<2>().map_err(|error| crate::error::internal("choose a chain", error))?;
            let by = usize::from(u16::from_be_bytes(chance)) % names.len();
            names.rotate_left(by);
        }
        Ok(names)
    }

    /// Their own chains that fit and are of use, unless they want another one.
    async fn own_that_fit(&self, user: &CallerUser, spec: &ApplySpec) -> Result<Vec<ChainName>, Error> {
        let store = &self.services.store;
        let mut fitting = Vec::new();
        if spec.another {
            return Ok(fitting);
        }
        for name in store.pool_owned(&user.id).await.map_err(store_error)? {
            let record = store.chain_read(&name).await.map_err(store_error)?;
            // One that is broken or on its way out is of no use.
            let is_of_use =
                |state| !matches!(state, ChainState::Failed | ChainState::Deleting | ChainState::Creating);
            if record.is_some_and(|one| is_of_use(one.state) && spec.fits(&one.spec, one.pool.as_ref())) {
                fitting.push(name);
            }
        }
        Ok(fitting)
    }

    /// What follows a claim: pages and the audit are told, and the new owner's identities are made. They are new ones:
    /// whoever had the chain before had others.
    async fn claimed(&self, caller: &Caller, user: &CallerUser, chain: &ChainName) {
        self.services.changed("chain", chain);
        self.services.changed("access", chain);
        self.audit.record(caller, "chain-claim", &subject(chain), &Ok::<(), Error>(())).await;
        if let Err(error) = self.make_identities(user, chain).await {
            // They are made when they are first needed.
            tracing::warn!(%error, %chain, "the identities of a chain's new owner are not made yet");
        }
    }

    async fn make_identities(&self, user: &CallerUser, chain: &ChainName) -> Result<(), Error> {
        let record = self.services.store.chain_read(chain).await.map_err(store_error)?;
        let record = record.ok_or_else(Error::not_found)?;
        let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
        let members: Vec<_> = plan.members().map(|(_, organization)| organization.msp_id.clone()).collect();
        let made: Vec<_> = members.iter().map(|msp_id| self.services.user_key(&plan, msp_id, user)).collect();
        futures::future::try_join_all(made).await.map(drop)
    }

    /// Begins to make a chain where a template was named and a host takes one, and has the caller wait for it: whoever
    /// waited longer for one like it gets it first. One that is asked for by its name exists or is not there to be had,
    /// and neither is told.
    async fn make_for(
        &self,
        caller: &Caller,
        user: &CallerUser,
        spec: &ApplySpec,
    ) -> Result<Option<Applied>, Error> {
        let store = &self.services.store;
        let (Some(name), None) = (&spec.template, &spec.name) else { return Ok(None) };
        let template = store.template_read(name).await.map_err(store_error)?;
        let template = template.ok_or_else(|| Error::invalid(Code::PoolEmpty).on("template"))?;
        let holders = store.holders().await.map_err(log_error)?;
        // One at a time: whoever leaves the queue and asks again fills no host with chains.
        let is_theirs =
            |one: &OperationRecord| one.owner == user.id.as_str() && MAKERS.contains(&one.name.as_str());
        if holders.iter().any(is_theirs) {
            return Ok(None);
        }
        let Some(host) = self.host_with_room().await? else { return Ok(None) };
        let begun = holders.iter().filter_map(|one| chain_of(one.subject.as_deref()?)).collect();
        let chain = self.next_of(&template, begun).await?;
        let made = template.spec(chain.clone(), host.id.clone());
        if !spec.fits(&made, Some(&template.name)) {
            return Ok(None);
        }
        self.wait_in_line(user, spec).await?;
        let (on, key) = (Some(subject(&chain)), Some(spec.key.clone()));
        let template_name = template.name.clone();
        let started = match template.deploy(&chain, &host.spec) {
            Some(deploy) => {
                let params = PoolDeploy { spec: made, template: template_name, deploy, starter: None };
                self.start_operation(caller, on, key, params).await
            }
            None => {
                let params = PoolCreate { spec: made, template: template_name };
                self.start_operation(caller, on, key, params).await
            }
        };
        match started {
            Ok(operation) => Ok(Some(Applied::Creating { chain, operation })),
            // Somebody else began a chain of this name in the moment between: they wait all the same.
            Err(error) if error.code == Code::ChainBusy => {
                Ok(self.position(user, spec).await?.map(|position| Applied::Queued { position }))
            }
            Err(error) => Err(error),
        }
    }

    /// A host that answers, takes new chains and has room for one; the emptiest first.
    async fn host_with_room(&self) -> Result<Option<HostRecord>, Error> {
        let store = &self.services.store;
        let mut best: Option<(usize, HostRecord)> = None;
        for host in store.host_list().await.map_err(store_error)? {
            let held = store.host_claims(&host.id).await.map_err(store_error)?.len();
            let room = usize::from(host.spec.capacity).saturating_sub(held);
            let is_ready = host.spec.schedulable && host.status.state != HostState::Inactive;
            if is_ready && room > 0 && best.as_ref().is_none_or(|(most, _)| room > *most) {
                best = Some((room, host));
            }
        }
        Ok(best.map(|(_, host)| host))
    }

    /// The first name of a template's chains that nobody has, and that is not among those on which something is begun.
    async fn next_of(&self, template: &Template, begun: HashSet<ChainName>) -> Result<ChainName, Error> {
        let chains = self.services.store.chain_list().await.map_err(store_error)?;
        let taken: HashSet<ChainName> = chains.into_iter().map(|chain| chain.name).chain(begun).collect();
        let mut number = 1;
        loop {
            let name = template.chain_name(number)?;
            if !taken.contains(&name) {
                return Ok(name);
            }
            number += 1;
        }
    }

    async fn wait_in_line(&self, user: &CallerUser, spec: &ApplySpec) -> Result<(), Error> {
        let entry = QueueRecord {
            user: user.id.clone(),
            wish: spec.wish(),
            spec: spec.clone(),
            created_ms: self.services.clock.now_ms(),
        };
        match self.services.store.pool_queue_put(&entry).await {
            Err(StoreError::NotFound) => Err(gone()),
            other => other.map_err(store_error),
        }
    }

    /// Where somebody's wish stands in the queue, from 1; none: they do not wait for it.
    async fn position(&self, user: &CallerUser, spec: &ApplySpec) -> Result<Option<u32>, Error> {
        let wish = spec.wish();
        let waiting = self.services.store.pool_queue(QUEUE_MAX).await.map_err(store_error)?;
        let own = |entry: &QueueRecord| entry.user == user.id && entry.wish == wish;
        Ok((1..).zip(&waiting).find(|(_, entry)| own(entry)).map(|(place, _)| place))
    }
}

/// The refusal of somebody who was removed or disabled since they asked: their session has ended with it.
fn gone() -> Error {
    Error::new(ErrorKind::Forbidden, Code::SessionMissing)
}

/// The refusal of one chain too many.
fn over_quota(used: usize, quota: Quota) -> Error {
    Error::conflict(Code::QuotaChains).with("used", used).with("max", quota.chains)
}
