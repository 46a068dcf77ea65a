//! Whose a chain is and for how long, and what staff change of it.

use domain::audit::{FieldChange, Public};
use domain::chain::ChainState;
use domain::id::OperationId;
use domain::name::{ChainName, UserName};
use domain::permission::{Action, Noun};
use domain::pool::{HOUR_MS, HOURS_MAX, HolderView, PoolVerb, WARN_BEFORE_MS, ends_ms};
use domain::{Code, Error};
use store::{ChainRecord, GiveRefusal, StoreError};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::error::store as store_error;
use crate::operation::subject;
use crate::operations::chain_give::ChainGive;
use crate::policy::{self, Resource};

/// Chains whose end is near that one round looks at.
const ROUND: u32 = 200;
/// What each verb is to the table.
const ACTIONS: [(PoolVerb, Action); 5] = [
    (PoolVerb::Release, Action::Release),
    (PoolVerb::Free, Action::Free),
    (PoolVerb::Extend, Action::Edit),
    (PoolVerb::Give, Action::Edit),
    (PoolVerb::Dismiss, Action::Grant),
];

impl ControlPlane {
    /// Whose a chain is, for how long, and what the caller may do about it.
    pub async fn chain_holder(&self, caller: &Caller, name: &ChainName) -> Result<HolderView, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Chain, name).await?;
        let grant = self.grant_on(caller, &record).await?;
        let owner = match &record.owner {
            Some(owner) => self.services.store.user_read(owner).await.map_err(store_error)?,
            None => None,
        };
        let is_own =
            record.owner.is_some() && record.owner == caller.user.as_ref().map(|user| user.id.clone());
        let allowed = |action| policy::allows(caller, action, Resource::of_chain(Noun::Chain, grant));
        let verbs = ACTIONS.into_iter().filter(|(verb, action)| {
            allowed(*action) && verb.check(record.state).is_ok() && is_of_use(*verb, &record, is_own)
        });
        let tenure = &record.tenure;
        let soon_ms = self.services.clock.now_ms().saturating_add(WARN_BEFORE_MS);
        Ok(HolderView {
            owner: owner.map(|owner| owner.name),
            is_own,
            claimed_ms: tenure.claimed_ms,
            expires_ms: tenure.expires_ms,
            ends_soon: tenure.expires_ms.is_some_and(|end_ms| end_ms <= soon_ms),
            inherited_ms: tenure.inherited_ms,
            verbs: verbs.map(|(verb, _)| verb).collect(),
            template: record.pool,
        })
    }

    /// Lets a chain of the pool be its owner's for some more hours.
    ///
    /// # Errors
    /// [`Code::ChainUnclaimed`] if nobody owns it, or it has no end.
    pub async fn chain_extend(&self, caller: &Caller, name: &ChainName, hours: u32) -> Result<(), Error> {
        let object = subject(name);
        let mut changes = Vec::new();
        let result = async {
            let record = self.chain_for(caller, Action::Edit, Noun::Chain, name).await?;
            if !(1..=HOURS_MAX).contains(&hours) {
                let refused = Error::invalid(Code::ValueOutOfRange).with("min", 1).with("max", HOURS_MAX);
                return Err(refused.on("hours"));
            }
            let Some(before_ms) = record.tenure.expires_ms else {
                return Err(Error::conflict(Code::ChainUnclaimed));
            };
            let from_ms = before_ms.max(self.services.clock.now_ms());
            let end_ms = from_ms.saturating_add(i64::from(hours).saturating_mul(HOUR_MS));
            changes.extend(FieldChange::between("expires-ms", &before_ms, &end_ms));
            self.audit.begin_change(caller, "chain-extend", &object, changes.clone()).await;
            match self.services.store.pool_extend(name, end_ms).await {
                Ok(()) => self.services.changed("chain", name),
                Err(StoreError::Conflict { .. }) => return Err(Error::conflict(Code::ChainUnclaimed)),
                Err(error) => return Err(store_error(error)),
            }
            Ok(())
        }
        .await;
        self.audit.record_change(caller, "chain-extend", &object, changes, &result).await;
        result
    }

    /// Gives a chain to somebody, whoever has it: before its owner can be removed, somebody else has to own it. Staff
    /// decide it, so that no quota stands against it. What a former owner was handed out is revoked by the operation that
    /// is returned; where there is none the chain is given at once.
    ///
    /// # Errors
    /// [`Code::ChainState`] if somebody else owns it and it does not run: revoking is a change of its channels.
    pub async fn chain_owner_set(
        &self,
        caller: &Caller,
        name: &ChainName,
        user: &UserName,
    ) -> Result<Option<OperationId>, Error> {
        let object = format!("{}/user/{user}", subject(name));
        let mut changes = Vec::new();
        let result = self.chain_owner_set_checked(caller, name, user, &object, &mut changes).await;
        self.audit.record_change(caller, "chain-owner-set", &object, changes, &result).await;
        result
    }

    async fn chain_owner_set_checked(
        &self,
        caller: &Caller,
        name: &ChainName,
        user: &UserName,
        object: &str,
        changes: &mut Vec<FieldChange>,
    ) -> Result<Option<OperationId>, Error> {
        let record = self.chain_for(caller, Action::Edit, Noun::Chain, name).await?;
        let user = self.person(user).await?;
        // What is about to go is nobody's.
        if record.state == ChainState::Deleting {
            return Err(Error::conflict(Code::ChainBusy));
        }
        let before = match &record.owner {
            Some(owner) => self.services.store.user_read(owner).await.map_err(store_error)?,
            None => None,
        };
        let before = before.map(|before| before.name.to_string()).unwrap_or_default();
        changes.extend(FieldChange::between("owner", &Public(&before), &Public(user.name.as_str())));
        let quota = self.quota_of(&user.id, user.role).await?;
        let hours = record.pool.as_ref().and(quota.lifetime_hours);
        if let Some(former) = record.owner.filter(|owner| *owner != user.id) {
            PoolVerb::Free.check(record.state)?;
            let params = ChainGive { chain: name.clone(), former, user: user.id, lifetime_hours: hours };
            return self.start_operation(caller, Some(subject(name)), None, params).await.map(Some);
        }
        self.audit.begin_change(caller, "chain-owner-set", object, changes.clone()).await;
        let now_ms = self.services.clock.now_ms();
        let given = self.services.store.pool_give(name, &user.id, now_ms, ends_ms(now_ms, hours)).await;
        given.map_err(store_error)?.map_err(|refusal| match refusal {
            GiveRefusal::Nobody => Error::invalid(Code::UserUnknown).with("name", &user.name).on("user"),
            // Somebody has claimed it since it was looked at.
            GiveRefusal::Owned => Error::conflict(Code::PoolChainTaken).with("name", name),
        })?;
        self.services.changed("chain", name);
        self.services.changed("access", name);
        Ok(None)
    }

    /// Hides the notice of what was on the ledger before.
    pub async fn chain_inherited_dismiss(&self, caller: &Caller, name: &ChainName) -> Result<(), Error> {
        let object = subject(name);
        let result = async {
            self.chain_for(caller, Action::Grant, Noun::Chain, name).await?;
            self.audit.begin(caller, "chain-inherited-dismiss", &object).await;
            self.services.store.pool_dismiss(name).await.map_err(store_error)?;
            self.services.changed("chain", name);
            Ok(())
        }
        .await;
        self.audit.record(caller, "chain-inherited-dismiss", &object, &result).await;
        result
    }

    /// Warns of ends that are near, and releases chains whose time is over.
    pub(crate) async fn end_tenures(&self) -> Result<(), Error> {
        let store = &self.services.store;
        let now_ms = self.services.clock.now_ms();
        let until_ms = now_ms.saturating_add(WARN_BEFORE_MS);
        for name in store.pool_ending(until_ms, ROUND).await.map_err(store_error)? {
            let Some(record) = store.chain_read(&name).await.map_err(store_error)? else { continue };
            match record.tenure.expires_ms {
                Some(end_ms) if end_ms <= now_ms => {
                    // One chain that cannot be released holds up no other.
                    if let Err(error) = self.release_ended(record).await {
                        tracing::warn!(%error, chain = %name, "a chain whose time is over cannot be released");
                    }
                }
                Some(end_ms) if record.tenure.warned_ms.is_none() => {
                    self.notify_ending(&record, end_ms).await;
                    self.mail_ending(&record, end_ms).await;
                    store.pool_warned(&name, now_ms).await.map_err(store_error)?;
                    self.services.changed("chain", &name);
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

/// Whether there is anything for a verb to do.
fn is_of_use(verb: PoolVerb, record: &ChainRecord, is_own: bool) -> bool {
    match verb {
        PoolVerb::Release | PoolVerb::Free => record.owner.is_some(),
        PoolVerb::Extend => record.owner.is_some() && record.tenure.expires_ms.is_some(),
        PoolVerb::Give => true,
        PoolVerb::Dismiss => is_own && record.tenure.inherited_ms.is_some(),
    }
}
